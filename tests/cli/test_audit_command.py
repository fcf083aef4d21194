"""gatehouse audit: what is wrong is named, and exits with 1."""

import duckdb
import pytest


@pytest.mark.new_python
def test_an_audit_of_a_sound_warehouse_exits_0(alone):
    answer = alone("audit")
    assert answer.code == 0
    assert answer.lines[:2] == [
        "ok  acknowledged rows: all that was noted is there",
        "ok  loads add up: 3 loads",
    ]
    assert all(line.startswith("ok ") for line in answer.lines)


def test_whatever_is_wrong_is_named_and_exits_1(alone, settings):
    made = alone("backup", "jobs", "--json").json["backups"][0]
    (settings.backups.path / "jobs" / made["file"]).unlink()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from core.departments where id = 1")
        connection.execute("update ops.loads set received = 0 where table_name = 'jobs'")

    answer = alone("audit")

    assert answer.code == 1
    wrong = [line.split(":")[0] for line in answer.lines if line.startswith("BAD")]
    assert wrong == [
        "BAD acknowledged rows",
        "BAD loads add up",
        "BAD lines add up",
        "BAD rows of departments",
        "BAD rules of hired_employees",
        "BAD backups",
    ]
    assert made["backup_id"] in answer.out
    as_json = alone("audit", "--json")
    assert (as_json.code, as_json.json["ok"]) == (1, False)


def test_a_running_service_is_asked(asking):
    assert asking("audit").code == 0
