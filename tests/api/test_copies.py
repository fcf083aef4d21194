"""Copies of the warehouse, which other programs read."""

from contextlib import closing
from pathlib import Path

import duckdb

from service.doors.copies import WarehouseCopies
from service.engines.duckdb import Database


def test_a_copy_has_all_that_is_committed_and_is_gone_when_it_is_deleted(client, settings):
    client.post("/v1/tables/jobs/rows", json={"id": 9001, "job": "Smith"}).raise_for_status()
    made = client.post("/v1/copies")
    assert made.status_code == 201, made.text
    path = Path(made.json()["path"])
    assert made.json()["bytes"] == path.stat().st_size
    client.post("/v1/tables/jobs/rows", json={"id": 9002, "job": "Miller"}).raise_for_status()
    with duckdb.connect(str(path)) as copy:
        assert copy.sql("select id from core.jobs where id > 9000").fetchall() == [(9001,)]
        assert copy.sql("select count(*) > 0 from marts.hires_by_department").fetchall() == [
            (True,)
        ]
    there = f"/v1/copies/{made.json()['copy_id']}"
    assert client.delete(there).status_code == 204
    assert not path.parent.exists()
    assert client.delete(there).status_code == 404
    assert client.delete("/v1/copies/..").status_code == 404
    assert client.get("/health/ready").json()["status"] == "ok"


def test_what_a_service_has_left_the_next_one_removes(settings, client):
    client.post("/v1/copies").raise_for_status()
    assert [*settings.copies.iterdir()]
    database = Database(settings.warehouse)
    with closing(database):
        WarehouseCopies(settings, database).sweep()
    assert not settings.copies.exists()
