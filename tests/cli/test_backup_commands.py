"""Backups from the command line, and back."""

import pytest

from tests.support.answers import files_in


def rows(asking, table):
    return {each["name"]: each["rows"] for each in asking("tables", "--json").json}[table]


@pytest.fixture
def more_jobs(tmp_path):
    path = tmp_path / "jobs.json"
    path.write_text('[{"id": 9001, "job": "Smith"}, {"id": 9002, "job": "Miller"}]')
    return path


def test_one_table_is_backed_up_changed_and_restored(asking, more_jobs):
    (made,) = asking("backup", "jobs", "--json").json["backups"]
    assert (made["table"], made["rows"]) == ("jobs", 183)
    asking("insert", "jobs", more_jobs)
    plan = asking("restore", "jobs", "--dry-run", "--json").json
    assert (plan["rows_before"], plan["rows_after"], plan["removed"]) == (185, 183, 2)
    whole = asking("restore", "jobs", "--dry-run", "--rows", "1", "--json").json
    gone = {"kind": "removed", "key": 9001, "before": {"id": 9001, "job": "Smith"}}
    assert whole.pop("differences") == {"jobs": [{**gone, "after": None, "columns": []}]}
    assert whole == plan
    lines = asking("restore", "jobs", "--dry-run", "--rows", "9").lines
    assert lines[2:] == [
        "table\tkey\twhat\tvalues",
        "jobs\t9001\tgoes\tid: 9001; job: Smith",
        "jobs\t9002\tgoes\tid: 9002; job: Miller",
    ]
    assert asking("restore", "jobs", "--yes", "--rows", "1").code == 2
    assert rows(asking, "jobs") == 185
    done = asking("restore", "jobs", made["backup_id"], "--yes", "--json").json
    assert (done["backup_id"], done["removed"]) == (made["backup_id"], 2)
    assert rows(asking, "jobs") == 183
    asking("restore", "jobs", done["safety_backup_id"], "--yes")
    assert rows(asking, "jobs") == 185


def test_without_names_all_tables_are_backed_up_as_one_set_and_restored_as_one(asking, more_jobs):
    made = asking("backup", "--json").json
    assert {each["table"] for each in made["backups"]} == {"departments", "jobs", "hired_employees"}
    assert {each["set_id"] for each in made["backups"]} == {made["set_id"]}
    asking("insert", "jobs", more_jobs)
    assert asking("restore", "--set", made["set_id"], "--dry-run").code == 0
    assert rows(asking, "jobs") == 185
    header, *lines = asking("restore", "--set", made["set_id"], "--yes").lines
    assert header.startswith("table\tbackup id\trows before\trows after")
    assert len(lines) == 3
    assert rows(asking, "jobs") == 183


def test_a_table_is_compared_with_its_backup(asking, more_jobs):
    assert asking("backups", "diff", "jobs").code != 0
    (made,) = asking("backup", "jobs", "--json").json["backups"]
    asking("insert", "jobs", more_jobs)
    found = asking("backups", "diff", "jobs", "--json").json
    assert (found["backup_id"], found["removed"], found["added"]) == (made["backup_id"], 2, 0)
    assert [(each["kind"], each["key"]) for each in found["rows"]] == [
        ("removed", 9001),
        ("removed", 9002),
    ]
    assert len(asking("backups", "diff", "jobs", made["backup_id"], "--limit", "1").lines) == 2
    assert len(asking("backups", "diff", "jobs", "--kind", "added").lines) <= 1
    assert f"backup id: {made['backup_id']}" in asking("backups", "show", "jobs").lines


@pytest.mark.new_python
def test_backups_are_listed_newest_first(asking):
    ids = [asking("backup", "jobs", "--json").json["backups"][0]["backup_id"] for _ in range(2)]
    asking("backup", "departments")
    listed = asking("backups", "jobs", "--json").json
    assert [each["backup_id"] for each in listed] == ids[::-1]
    assert len(asking("backups").lines) == 1 + 3


def test_every_backup_is_verified_and_a_damaged_one_exits_1(asking, settings):
    good, bad = (
        asking("backup", table, "--json").json["backups"][0] for table in ("jobs", "departments")
    )
    assert asking("verify").code == 0
    (damaged,) = settings.backups.path.rglob(bad["file"].rpartition("/")[2])
    damaged.write_bytes(damaged.read_bytes()[:-3])
    answer = asking("verify", "--json")
    assert answer.code == 1
    found = {each["backup_id"]: each["ok"] for each in answer.json}
    assert found == {good["backup_id"]: True, bad["backup_id"]: False}
    assert asking("verify", good["backup_id"]).code == 0


def test_a_restore_that_would_leave_dangling_rows_is_refused_with_a_hint(asking, tmp_path):
    asking("backup", "jobs")
    (tmp_path / "job.json").write_text('{"id": 9001, "job": "Smith"}')
    row = (
        '{"id":90000,"name":"A","datetime":"2021-01-01T00:00:00Z","department_id":1,"job_id":9001}'
    )
    (tmp_path / "hire.json").write_text(row)
    asking("insert", "jobs", tmp_path / "job.json")
    assert asking("insert", "hired_employees", tmp_path / "hire.json").code == 0
    answer = asking("restore", "jobs", "latest", "--yes")
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert "`gatehouse restore --set SET_ID`" in answer.err
    assert rows(asking, "jobs") == 184


DESTRUCTIVE = (
    ["restore", "jobs"], ["restore", "--set", "any"], ["keys", "revoke", "any"],
    ["keys", "disable"], ["recover", "--force"],
)  # fmt: skip


def test_without_a_terminal_what_cannot_be_undone_needs_a_yes(alone, settings):
    before = files_in(settings.warehouse.parent)
    for arguments in DESTRUCTIVE:
        answer = alone(*arguments)
        assert (answer.code, answer.out) == (2, "")
        assert "there is no terminal to ask at, so `gatehouse " in answer.err
        assert "needs --yes; nothing was changed" in answer.err
    assert files_in(settings.warehouse.parent) == before


@pytest.mark.parametrize("arguments", [[], ["jobs", "--set", "x"]])
def test_a_restore_is_of_a_table_or_of_a_set(asking, arguments):
    answer = asking("restore", *arguments)
    assert answer.code == 2
    assert "name either a TABLE or a --set" in answer.err


@pytest.mark.new_python
def test_without_a_service_a_backup_is_restored_just_the_same(alone):
    assert alone("backup", "jobs").code == 0
    assert alone("restore", "jobs", "latest", "--yes", "--json").json["rows_after"] == 183
    assert alone("verify").code == 0


def test_backups_of_another_warehouse_are_adopted_where_that_is_meant(alone, settings):
    assert alone("backup", "jobs").code == 0
    mark = settings.backups.path / "owner.json"
    mark.write_text(
        mark.read_text()
        .replace(str(settings.warehouse), "/of/another")
        .replace('"warehouse_id":"', '"warehouse_id":"another-')
    )
    for command in (["backups"], ["serve"], ["insert", "jobs", "-"]):
        refused = alone(*command)
        assert refused.code == 3
        assert "are those of the warehouse /of/another; `gatehouse backups adopt`" in refused.err
    adopted = alone("backups", "adopt")
    assert adopted.code == 0
    assert adopted.out.endswith("; they were those of /of/another\n")
    (listed,) = alone("backups", "jobs", "--json").json
    assert alone("backups", "list", "jobs", "--json").json == [listed]
    assert alone("backups", "adopt", "--json").json["before"] == str(settings.warehouse)
