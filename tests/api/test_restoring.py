"""Restore over HTTP: a table becomes again what a backup holds, or stays as it is."""

import errno

from litestar.testing import TestClient

from service.api.http.authentication import ANYONE
from service.app import create_app
from service.backups.paired_places import Found
from tests.support.answers import backups_in, is_problem

JOBS = "/v1/tables/jobs"
HIRE = {"name": "A", "datetime": "2021-01-01T00:00:00Z", "department_id": 1, "job_id": 1}


def rows(client, table="jobs"):
    return client.get(f"/v1/tables/{table}/rows?limit=10000").json()["rows"]


def state(client, settings):
    """All that a restore could change."""
    tables = [rows(client, name) for name in ("departments", "jobs", "hired_employees")]
    return tables, client.get("/v1/loads").json(), backups_in(settings.backups.path)


def insert(client, table, *new):
    answer = client.post(f"/v1/tables/{table}/rows", json=list(new))
    assert answer.status_code == 201, answer.text


def test_the_table_becomes_what_the_backup_holds(client):
    before = rows(client)
    backup_id = client.post(f"{JOBS}/backups").json()["backup_id"]
    insert(client, "jobs", {"id": 900, "job": "A"}, {"id": 901, "job": "B"})

    answer = client.post(f"{JOBS}/restore", json={"backup_id": backup_id})

    assert answer.status_code == 200
    said = answer.json()
    assert rows(client) == before
    assert (said["table"], said["backup_id"]) == ("jobs", backup_id)
    assert (said["rows_before"], said["rows_after"]) == (len(before) + 2, len(before))
    assert (said["added"], said["removed"], said["changed"]) == (0, 2, 0)
    assert client.get(f"/v1/loads/{said['load_id']}").json()["kind"] == "restore"


def test_the_safety_backup_brings_back_what_the_restore_took_away(client):
    backup_id = client.post(f"{JOBS}/backups").json()["backup_id"]
    insert(client, "jobs", {"id": 900, "job": "A"})
    full = rows(client)
    said = client.post(f"{JOBS}/restore", json={"backup_id": backup_id}).json()
    safety = client.get(f"/v1/backups/{said['safety_backup_id']}").json()
    assert (safety["kind"], safety["rows"]) == ("safety", len(full))

    client.post(f"{JOBS}/restore", json={"backup_id": said["safety_backup_id"]})

    assert rows(client) == full


def test_latest_is_the_newest_backup_that_someone_asked_for(client):
    client.post(f"{JOBS}/backups")
    newest = client.post(f"{JOBS}/backups").json()["backup_id"]
    insert(client, "jobs", {"id": 900, "job": "A"})
    for _ in range(2):  # the second time there is a safety backup that is newer
        said = client.post(f"{JOBS}/restore", json={"backup_id": "latest"}).json()
        assert said["backup_id"] == newest


def test_ids_that_a_restore_took_away_are_free_again_and_others_taken(client):
    client.post(f"{JOBS}/backups")
    insert(client, "jobs", {"id": 900, "job": "A"})
    insert(client, "hired_employees", {**HIRE, "id": 9001})
    assert client.post(f"{JOBS}/restore", json={"backup_id": "latest"}).status_code == 200

    hire = {**HIRE, "id": 9002, "job_id": 900}
    orphan = client.post("/v1/tables/hired_employees/rows", json=hire)
    taken = client.post(f"{JOBS}/rows", json=[{"id": 1, "job": "A"}])
    free = client.post(f"{JOBS}/rows", json=[{"id": 900, "job": "B"}])

    assert orphan.json()["rejections"][0]["violations"][0]["rule"] == "relationships"
    assert taken.json()["rejections"][0]["violations"][0]["rule"] == "unique"
    assert free.status_code == 201


def test_a_dry_run_answers_the_same_counts_and_changes_nothing(client, settings):
    backup_id = client.post(f"{JOBS}/backups").json()["backup_id"]
    insert(client, "jobs", {"id": 900, "job": "A"})
    before = state(client, settings)

    plan = client.post(f"{JOBS}/restore", json={"backup_id": backup_id, "dry_run": True}).json()

    assert state(client, settings) == before
    assert plan.pop("safety_backup_id") is plan.pop("load_id") is None
    done = client.post(f"{JOBS}/restore", json={"backup_id": backup_id}).json()
    assert plan == {name: done[name] for name in plan}


def test_what_would_leave_dangling_references_is_refused_and_leaves_all_as_it_was(client, settings):
    client.post(f"{JOBS}/backups")
    insert(client, "jobs", {"id": 900, "job": "A"})
    insert(client, "hired_employees", {**HIRE, "id": 9001, "job_id": 900})
    before = state(client, settings)

    answer = client.post(f"{JOBS}/restore", json={"backup_id": "latest"})

    assert is_problem(answer, 409, "dangling-references")
    said = answer.json()
    assert (said["table"], said["rule"]) == ("hired_employees", "relationships")
    assert (said["count"], said["first_ids"]) == (1, [9001])
    assert state(client, settings) == before  # and no safety backup is left


def test_every_table_of_a_set_is_restored_together(client):
    made = client.post("/v1/backups").json()
    before = {table: rows(client, table) for table in ("departments", "jobs", "hired_employees")}
    insert(client, "departments", {"id": 70, "department": "New"})
    insert(client, "hired_employees", {**HIRE, "id": 9001, "department_id": 70})

    answer = client.post("/v1/restore", json={"set_id": made["set_id"]})

    assert answer.status_code == 200
    said = answer.json()
    assert said["set_id"] == made["set_id"]
    assert [each["table"] for each in said["tables"]] == ["departments", "jobs", "hired_employees"]
    assert [each["removed"] for each in said["tables"]] == [1, 0, 1]
    assert {table: rows(client, table) for table in before} == before
    assert len({each["load_id"] for each in said["tables"]}) == 1
    ids = [each["safety_backup_id"] for each in said["tables"]]
    assert len({client.get(f"/v1/backups/{id_}").json()["set_id"] for id_ in ids}) == 1


def test_a_dry_run_of_a_set_changes_nothing(client, settings):
    set_id = client.post("/v1/backups").json()["set_id"]
    insert(client, "departments", {"id": 70, "department": "New"})
    before = state(client, settings)
    plan = client.post("/v1/restore", json={"set_id": set_id, "dry_run": True}).json()
    assert [each["removed"] for each in plan["tables"]] == [1, 0, 0]
    assert state(client, settings) == before


def test_a_damaged_backup_restores_nothing(client, settings):
    backup = client.post(f"{JOBS}/backups").json()
    insert(client, "jobs", {"id": 900, "job": "A"})
    path = settings.backups.path / "jobs" / backup["file"]
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    before = state(client, settings)

    answer = client.post(f"{JOBS}/restore", json={"backup_id": backup["backup_id"]})

    assert is_problem(answer, 422, "damaged-backup")
    assert answer.json()["backup_id"] == backup["backup_id"]
    assert state(client, settings) == before


def test_a_repeated_request_restores_once(client):
    backup_id = client.post(f"{JOBS}/backups").json()["backup_id"]
    key = {"Idempotency-Key": "once"}
    first = client.post(f"{JOBS}/restore", json={"backup_id": backup_id}, headers=key)
    insert(client, "jobs", {"id": 900, "job": "A"})

    second = client.post(f"{JOBS}/restore", json={"backup_id": backup_id}, headers=key)

    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert client.get(f"{JOBS}/rows/900").status_code == 200
    other = client.post(f"{JOBS}/restore", json={"backup_id": "latest"}, headers=key)
    assert is_problem(other, 422, "idempotency-key-reused")


def test_a_restore_that_failed_may_be_tried_again_under_its_key(client):
    key = {"Idempotency-Key": "once"}
    client.post(f"{JOBS}/backups")
    insert(client, "jobs", {"id": 900, "job": "A"})
    insert(client, "hired_employees", {**HIRE, "id": 9001, "job_id": 900})
    hires = client.get("/v1/tables/hired_employees/rows?limit=10000").json()["rows"]
    assert hires[-1]["id"] == 9001
    asked = {"json": {"backup_id": "latest"}, "headers": key}
    assert client.post(f"{JOBS}/restore", **asked).status_code == 409
    assert client.post(f"{JOBS}/restore", **asked).status_code == 409


def test_a_backup_of_another_table_is_not_restored(client):
    backup_id = client.post("/v1/tables/departments/backups").json()["backup_id"]
    answer = client.post(f"{JOBS}/restore", json={"backup_id": backup_id})
    assert is_problem(answer, 422, "unprocessable")
    assert answer.json()["table"] == "departments"


def test_a_backup_that_is_not_there_is_not_found(client):
    for backup_id in ("latest", "x", "../../etc/passwd", "\0", "9" * 5000):
        answer = client.post(f"{JOBS}/restore", json={"backup_id": backup_id})
        assert is_problem(answer, 404, "not-found")
        answer = client.post("/v1/restore", json={"set_id": backup_id})
        assert is_problem(answer, 404, "not-found")


UNCLEAR = [
    b"",
    b"{}",
    b"[]",
    b"{",
    b"\xff",
    b'{"backup_id": 1}',
    b'{"backup_id": "latest", "dry_run": "yes"}',
    b'{"backup_id": "latest", "dry-run": true}',
    b'{"backup_id": "\\ud800"}',
]


def test_a_body_that_says_not_clearly_what_to_restore_restores_nothing(client, settings):
    client.post(f"{JOBS}/backups")
    insert(client, "jobs", {"id": 900, "job": "A"})
    before = state(client, settings)
    for body in UNCLEAR:
        for path in (f"{JOBS}/restore", "/v1/restore"):
            answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
            assert is_problem(answer, 400, "malformed-body"), body
    assert state(client, settings) == before


def test_a_dry_run_that_is_asked_for_in_the_wrong_place_restores_nothing(client, settings):
    client.post(f"{JOBS}/backups")
    insert(client, "jobs", {"id": 900, "job": "A"})
    before = state(client, settings)
    answer = client.post(f"{JOBS}/restore?dry_run=true", json={"backup_id": "latest"})
    assert is_problem(answer, 400, "bad-request")
    assert state(client, settings) == before


def test_a_dry_run_waits_for_no_writer(settings):
    app = create_app(settings, ANYONE)
    with TestClient(app) as client:
        backup_id = client.post(f"{JOBS}/backups").json()["backup_id"]
        with app.state.gate.writer.lock:
            answer = client.post(f"{JOBS}/restore", json={"backup_id": backup_id, "dry_run": True})
        assert answer.status_code == 200


def test_a_repeated_request_leaves_no_second_safety_backup(client, settings):
    client.post(f"{JOBS}/backups")
    again = {"headers": {"Idempotency-Key": "once"}, "json": {"backup_id": "latest"}}
    first = client.post(f"{JOBS}/restore", **again)
    kept = backups_in(settings.backups.path)
    assert client.post(f"{JOBS}/restore", **again).json() == first.json()
    assert backups_in(settings.backups.path) == kept


def test_the_safety_backup_waits_for_no_writer_and_has_what_was_written_meanwhile(settings):
    app = create_app(settings, ANYONE)
    with TestClient(app) as client:
        client.post(f"{JOBS}/backups")
        gate = app.state.gate
        entry = gate.catalogue.latest("jobs")
        with gate.writer.lock:
            row = "insert into core.jobs (id, job) values (900, 'A')"
            gate.writer.run(lambda connection: connection.execute(row), ["jobs"])
            done = gate.restores.begin(Found([entry], gate.catalogue))
            (early,) = [each for each in gate.catalogue.list() if each.kind == "safety"]
        results = done.result()
        assert isinstance(results, list)
        (restored,) = results
        safety = gate.catalogue.get(restored.safety_backup_id)
        assert (restored.removed, restored.rows_before) == (1, entry.rows + 1)
        assert (early.rows, safety.rows) == (entry.rows, entry.rows + 1)


def test_the_backup_is_read_before_the_writer_has_to_wait(settings):
    app = create_app(settings, ANYONE)
    with TestClient(app) as client:
        before = rows(client)
        client.post(f"{JOBS}/backups")
        insert(client, "jobs", {"id": 900, "job": "A"}, {"id": 901, "job": "B"})
        gate = app.state.gate
        entry = gate.catalogue.latest("jobs")
        with gate.writer.lock:
            done = gate.restores.begin(Found([entry], gate.catalogue))
            gate.catalogue.discard(entry.backup_id)  # it could not be read any more
        results = done.result()
        assert isinstance(results, list)
        (restored,) = results
        assert (restored.removed, restored.rows_after) == (2, len(before))
        assert rows(client) == before


def test_what_was_found_out_beside_the_writer_counts_no_more_once_rows_came_in(settings):
    app = create_app(settings, ANYONE)
    with TestClient(app) as client:
        before = rows(client)
        client.post(f"{JOBS}/backups")
        insert(client, "jobs", {"id": 900, "job": "A"})
        gate = app.state.gate
        entry = gate.catalogue.latest("jobs")
        with gate.writer.lock:
            row = "insert into core.jobs (id, job) values (901, 'B')"
            gate.writer.run(lambda connection: connection.execute(row), ["jobs"])
            done = gate.restores.begin(Found([entry], gate.catalogue))
        results = done.result()
        assert isinstance(results, list)
        (restored,) = results
        assert restored.removed == 2
        assert rows(client) == before


def test_a_restore_that_cannot_be_prepared_leaves_no_safety_backup(client, settings, monkeypatch):
    client.post(f"{JOBS}/backups")
    kept = backups_in(settings.backups.path)

    def fail(*_):
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr("service.backups.preparing.stage", fail)
    answer = client.post(f"{JOBS}/restore", json={"backup_id": "latest"})
    assert is_problem(answer, 500, "internal")
    assert backups_in(settings.backups.path) == kept
