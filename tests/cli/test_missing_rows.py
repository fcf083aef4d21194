"""Rows that were acknowledged and are gone are said, until an operator has decided."""

import json

import pytest

from service.engines.duckdb_log import log_of
from tests.support.processes import Service
from tests.support.services import serving

pytestmark = pytest.mark.slow
FIRST, BATCH = 9_001, 4


@pytest.fixture
def killed(settings):
    """A warehouse whose service was killed after two batches of jobs were answered."""
    service = Service(settings)
    for begin in (FIRST, FIRST + BATCH):
        rows = [{"id": begin + n, "job": "Smith"} for n in range(BATCH)]
        assert service.client.post("/v1/tables/jobs/rows", json=rows).status_code == 201
    service.kill()
    return settings


def rows_of_jobs(alone):
    return next(int(line.split("\t")[1]) for line in alone("tables").lines if "jobs" in line)


def test_a_log_that_is_lost_stops_all_writing_until_that_is_accepted(killed, alone):
    log_of(killed.warehouse).unlink()
    with serving(killed) as client:
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        said = {each["name"]: each["detail"] for each in ready.json()["checks"] if not each["ok"]}
        assert said["acknowledged rows"].startswith("jobs lacks 8 rows; missing: 2 loads")
        for path, body in (("/v1/tables/jobs/rows", [{"id": 1, "job": "A"}]), ("/v1/builds", None)):
            refused = client.post(path, json=body)
            assert (refused.status_code, refused.json()["title"]) == (503, "Rows are missing")
            assert "jobs lacks 8 rows" in refused.json()["detail"]
            assert "gatehouse recover" in refused.json()["detail"]
        assert client.get("/v1/tables/jobs/rows/1").status_code == 200
        audit = client.get("/v1/audit").json()
        assert [each["name"] for each in audit["checks"] if not each["ok"]] == ["acknowledged rows"]
    row = killed.warehouse.with_name("row.json")
    row.write_text(json.dumps({"id": 9100, "job": "Smith"}))
    assert alone("insert", "jobs", row).code == 3
    build = alone("build")
    assert (build.code, "jobs lacks 8 rows" in build.err) == (1, True)
    without = alone("recover", "--yes")
    assert without.code == 1
    assert "the log has nothing more: `gatehouse recover --accept`" in without.err
    assert alone("recover", "--accept", "--yes").code == 0
    assert alone("insert", "jobs", row).code == 0
    assert alone("audit").code == 0
    (entry,) = (line for line in alone("trail").lines if "warehouse.accept" in line)
    assert "jobs lacks 8 rows" in entry
    nothing = alone("recover", "--accept", "--yes")
    assert (nothing.code, "lacks nothing" in nothing.err) == (1, True)


def test_what_can_be_read_of_a_damaged_log_is_brought_back(killed, alone):
    log = log_of(killed.warehouse)
    content = bytearray(log.read_bytes())
    content[content.rindex(b"Smith")] ^= 1  # in the second batch
    log.write_bytes(content)
    assert "cannot be opened: " in alone("tables").err
    before = killed.warehouse.read_bytes()
    assert alone("recover", "--dry-run").code == 0
    assert (killed.warehouse.read_bytes(), log.read_bytes()) == (before, bytes(content))
    done = alone("recover", "--yes")
    assert done.code == 0
    assert "bytes of the log cannot be read" in done.out
    assert "jobs lacks 4 rows" in done.lines
    assert done.lines[-1] == "the warehouse is brought back"
    assert len([*killed.warehouse.parent.glob("*.damaged-*")]) == 3
    assert rows_of_jobs(alone) == 183 + BATCH
    audit = alone("audit")
    assert audit.code == 0, audit.out
