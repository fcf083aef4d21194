"""GET /v1/loads: what was ever brought in, and what became of it."""

from datetime import datetime

import duckdb
import pytest

from tests.support import LOADS
from tests.support.answers import all_pages, is_problem

HIRE = {"name": "A", "datetime": "2021-01-01T00:00:00Z", "department_id": 70, "job_id": 1}
SEVERAL = {
    "hired_employees": [{**HIRE, "id": 9001}, {**HIRE, "id": 9002, "name": ""}],
    "departments": [{"id": 70, "department": "New"}],
}


def test_the_history_is_among_the_loads_with_its_counts(reader, truth):
    loads = {load["table"]: load for load in reader.get("/v1/loads").json()["loads"]}

    assert set(loads) == {"departments", "jobs", "hired_employees"}
    counts = ("received", "accepted", "rejected", "already_present")
    for table, load in loads.items():
        assert truth(
            "select received, accepted, rejected, already_present from ops.loads"
            " where table_name = ?",
            table,
        ) == [tuple(load[name] for name in counts)]
        assert load["received"] == load["accepted"] + load["rejected"] + load["already_present"]
        assert (load["kind"], load["status"], load["source"]) == (
            "history",
            "done",
            f"raw_{table}.csv",
        )


def test_no_path_of_this_machine_is_told(reader, built):
    assert str(built.seeds) not in reader.get("/v1/loads").text


def test_a_load_is_found_by_the_id_that_its_request_was_answered(client):
    answer = client.post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "A"}, {"id": 901}])
    load = client.get(f"/v1/loads/{answer.json()['load_id']}").json()

    moments = [datetime.fromisoformat(load.pop(name)) for name in ("started_at", "finished_at")]
    assert moments[0] <= moments[1]
    assert load == {
        "load_id": answer.json()["load_id"],
        "kind": "batch",
        "table": "jobs",
        "source": None,
        "status": "done",
        "received": 2,
        "accepted": 1,
        "rejected": 1,
        "already_present": 0,
        "changed": 0,
        "removed": 0,
        "warned": 0,
        "on_conflict": None,
        "actor": None,
        "detail": None,
        "lines": None,
        "header_lines": None,
        "blank_lines": None,
        "skipped_lines": None,
        "record_lines": None,
    }


def test_a_load_of_several_tables_has_the_sums_and_the_counts_of_each(client):
    load_id = client.post("/v1/rows", json=SEVERAL).json()["load_id"]
    load = client.get(f"/v1/loads/{load_id}").json()

    assert load["table"] is None
    assert (load["received"], load["accepted"], load["rejected"]) == (3, 2, 1)
    none = {"already_present": 0, "changed": 0, "removed": 0}
    assert load["tables"] == {
        "departments": {"received": 1, "accepted": 1, "rejected": 0, **none},
        "hired_employees": {"received": 2, "accepted": 1, "rejected": 1, **none},
    }


def test_a_load_that_was_refused_for_its_number_of_rows_has_no_table(client):
    load_id = client.post("/v1/rows", json={}).json()["load_id"]
    load = client.get(f"/v1/loads/{load_id}").json()
    assert (load["table"], load["status"], load["received"]) == (None, "refused", 0)
    assert "tables" not in load


def test_the_newest_load_comes_first_and_each_comes_once(client):
    made = [client.post("/v1/rows", json=SEVERAL).json()["load_id"] for _ in range(5)]
    for limit in (1, 2, 3, 100):
        loads = all_pages(client, "/v1/loads", "loads", limit=limit)
        ids = [load["load_id"] for load in loads]
        assert ids[:5] == made[::-1]
        assert len(ids) == len(set(ids)) == 8
        assert all(len(load["tables"]) == 2 for load in loads[:5])


def test_loads_that_began_at_the_same_moment_come_once_each(settings, serve):
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            f"insert into {LOADS} select 'load ' || i, 'jobs', 'batch', null, 'done', 1, 1, 0, 0,"
            " timestamp '2026-01-01', timestamp '2026-01-01', null, null from range(10) as t(i)"
        )
    with serve(settings) as client:
        for limit in (1, 3):
            loads = all_pages(client, "/v1/loads", "loads", kind="batch", limit=limit)
            assert [load["load_id"] for load in loads] == [f"load {i}" for i in range(9, -1, -1)]


def test_loads_of_one_table_are_those_that_brought_rows_of_it(client):
    several = client.post("/v1/rows", json=SEVERAL).json()["load_id"]
    client.post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "A"}])

    found = client.get("/v1/loads", params={"table": "departments"}).json()["loads"]

    assert [load["kind"] for load in found] == ["batch", "history"]
    assert found[0]["load_id"] == several
    assert len(found[0]["tables"]) == 2


def test_loads_can_be_asked_for_by_kind_and_status(client):
    client.post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "A"}])
    client.post("/v1/tables/jobs/rows", json=[])

    def found(**parameters):
        answer = client.get("/v1/loads", params=parameters).json()
        return [(load["kind"], load["status"]) for load in answer["loads"]]

    assert found(kind="batch") == [("batch", "refused"), ("batch", "done")]
    assert found(status="refused") == [("batch", "refused")]
    assert found(kind="batch", status="done", table="jobs") == [("batch", "done")]
    assert found(kind="file") == []


def test_a_load_that_is_under_way_has_no_end(settings, serve):
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            f"insert into {LOADS} values ('l1', 'jobs', 'file', 'a/b.csv', 'running',"
            " 0, 0, 0, 0, timestamp '2026-01-01', null, null, null)"
        )
    with serve(settings) as client:
        load = client.get("/v1/loads/l1").json()
    assert (load["status"], load["started_at"]) == ("running", "2026-01-01T00:00:00Z")
    assert load["finished_at"] is None
    assert load["source"] == "a/b.csv"  # what the client called it


@pytest.mark.parametrize("query", ["kind=x", "status=open", "after=x", "after=WzFd", "limit=0"])
def test_what_is_no_filter_of_loads_is_a_bad_request(reader, query):
    assert is_problem(reader.get(f"/v1/loads?{query}"), 400, "bad-request")


def test_loads_of_an_unknown_table_are_not_found(reader):
    assert is_problem(reader.get("/v1/loads?table=nope"), 404, "unknown-table")


@pytest.mark.parametrize("load_id", ["x", "%00", "%FF", "'", "9" * 5000])
def test_an_unknown_load_is_not_found(reader, load_id):
    assert is_problem(reader.get(f"/v1/loads/{load_id}"), 404, "not-found")


def test_a_load_that_has_ended_cannot_be_cancelled(client):
    load = client.post("/v1/tables/jobs/rows", json={"id": 9001, "job": "x"}).json()
    assert client.delete(f"/v1/loads/{load['load_id']}").status_code == 409
    assert client.delete("/v1/loads/nothing").status_code == 404
