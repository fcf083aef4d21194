"""Health and metrics."""

import re
import shutil

import msgspec
from litestar.testing import TestClient

from service.api.http.authentication import ANYONE
from service.app import create_app


def checks(answer):
    return {check["name"]: check["ok"] for check in answer.json()["checks"]}


def test_a_service_that_works_is_live_and_ready(reader):
    assert reader.get("/health/live").json() == {"status": "ok"}
    ready = reader.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert checks(ready) == {
        "warehouse": True,
        "acknowledged rows": True,
        "writer": True,
        "disk of the warehouse": True,
        "disk of the backups": True,
        "keys": True,
        "open files": True,
        "last end": True,
    }


def test_too_little_room_on_the_disk_is_not_ready_and_still_live(settings, serve):
    settings = msgspec.structs.replace(settings, disk_floor_bytes=2**62)
    with serve(settings) as client:
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert checks(ready)["disk of the backups"] is False
        assert checks(ready)["warehouse"] is True
        assert client.get("/health/live").status_code == 200


def test_a_folder_of_backups_that_is_not_there_yet_is_no_trouble(settings, serve):
    shutil.rmtree(settings.backups.path)
    with serve(settings) as client:
        assert client.get("/health/ready").status_code == 200


def test_a_writer_that_takes_no_more_work_is_not_ready(settings):
    app = create_app(settings, ANYONE)
    with TestClient(app) as client:
        app.state.gate.writer.stop()
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert checks(ready)["writer"] is False


def test_the_metrics_count_rows_and_requests(client):
    client.post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "A"}, {"id": 901}])
    client.get("/v1/tables")

    answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    numbers = dict(re.findall(r"^(\S+) ([0-9.e+]+)$", answer.text, re.MULTILINE))
    assert numbers['gatehouse_rows_total{outcome="accepted",table="jobs"}'] == "1.0"
    assert numbers['gatehouse_rows_total{outcome="rejected",table="jobs"}'] == "1.0"
    rows = client.get("/v1/tables/jobs").json()["rows"]
    assert float(numbers['gatehouse_table_rows{table="jobs"}']) == rows
    assert numbers["gatehouse_writer_queue"] == "0.0"
    served = 'gatehouse_request_seconds_count{method="GET",route="/v1/tables",status="200"}'
    assert numbers[served] == "1.0"


NEEDS_A_LAKE = {"/v1/changes", "/v1/lake"}


def test_the_index_leads_to_every_call_that_there_is(reader):
    links = reader.get("/").json()["links"].values()
    paths = reader.get("/schema").json()["paths"]
    for link in links:
        calls = paths.get(link.rstrip("/"), {})
        assert calls, link
        if "get" in calls:
            assert reader.get(link).status_code == (404 if link in NEEDS_A_LAKE else 200)
    for path, calls in paths.items():
        if path != "/" and any("pages" not in call["tags"] for call in calls.values()):
            assert any(f"{path}/".startswith(f"{link.rstrip('/')}/") for link in links), path
