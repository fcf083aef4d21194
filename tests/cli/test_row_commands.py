"""`gatehouse rows set`, `delete` and `history`, and `erase`, on one service."""

import pytest

from tests.support.commands import run


@pytest.fixture(scope="module")
def gatehouse(door):
    """Runs `gatehouse` with a service."""
    url = str(door.client.base_url)
    return lambda *arguments: run(door.settings, *arguments, GATEHOUSE_URL=url)


@pytest.fixture(scope="module")
def rows(gatehouse):
    return lambda *arguments: gatehouse("rows", *arguments)


def test_a_row_is_set_shown_and_removed_and_its_history_told(rows):
    assert rows("set", "jobs", "9001", "job=Smith").code == 1  # there is none
    made = rows("set", "jobs", "9001", "job=Smith", "--whole")
    assert made.lines == ["jobs 1 row (1 accepted, 0 rejected, 0 already present)"]
    assert rows("set", "jobs", "9001", "job=123", "--dry-run").code == 0
    changed = rows("set", "jobs", "9001", "job=123")  # text, as the column is
    assert changed.lines == ["jobs 1 row (0 accepted, 0 rejected, 0 already present, 1 changed)"]
    wrong = rows("set", "jobs", "9001", "job:=null", "other=1")
    assert wrong.code == 1
    assert [line.split("\t")[:2] for line in wrong.lines[1:]] == [
        ["job", "not_null"], ["other", "unknown_field"],
    ]  # fmt: skip
    assert rows("jobs", "id=eq.9001").lines == ["id\tjob", "9001\t123"]
    assert rows("delete", "jobs", "9001").code == 2  # there is no terminal to ask at
    assert rows("delete", "jobs", "9001", "--dry-run").lines[0].endswith("1 removed)")
    assert rows("delete", "jobs", "9001", "--yes").code == 0
    told = rows("history", "jobs", "9001")
    assert [line.split("\t")[1:3] for line in told.lines[1:]] == [
        ["delete", '{"id": 9001, "job": "123"}'],
        ["update", 'job "Smith" became "123"'],
        ["insert", '{"id": 9001, "job": "Smith"}'],
    ]
    assert rows("history", "jobs", "9001", "--json").json[0]["operation"] == "delete"


def test_rows_are_removed_by_filters_unless_others_refer_to_them(rows):
    kept = rows("delete", "departments", "--where", "id=in.(1,2)", "--yes")
    assert (kept.code, "would refer" in kept.err, "HINT" in kept.err) == (1, True, True)
    gone = rows("delete", "hired_employees", "--where", "id=gte.10", "--where", "id=lt.13", "--yes")
    assert gone.lines[0].endswith("3 removed)")
    assert rows("delete", "hired_employees", "--yes").code == 2
    assert rows("delete", "hired_employees", "1", "--where", "id=eq.1", "--yes").code == 2
    assert rows("set", "hired_employees", "1", "name").code == 2
    assert rows("set", "hired_employees", "1", "name:={").code == 2


def test_a_row_is_erased_and_comes_back_only_where_that_is_said(door, gatehouse):
    kept, gone = door.fresh(2)
    sent = [{"id": key, "job": f"Zanzibar {key}"} for key in (kept, gone)]
    assert door.rows(sent, "jobs").status_code == 201
    backup = door.client.post("/v1/tables/jobs/backups").json()["backup_id"]
    erase = ("erase", "jobs", str(gone))
    for said in (("--yes",), ("--reason", "asked for it")):  # why; and no terminal to ask at
        assert gatehouse(*erase, *said).code == 2
    assert gatehouse("erase", "jobs", "98765432", "--reason", "x", "--yes").code == 1  # none
    assert door.kept([kept, gone], "jobs") == [kept, gone]
    done = gatehouse(*erase, "--reason", "asked for it", "--yes")
    assert (done.code, "HINT: 1 backup still holds it" in done.err) == (1, True)
    assert done.lines[0].startswith("jobs: the row; ")
    assert done.lines[1].split("\t")[0] == "backup id"
    assert done.lines[2].split("\t")[:2] == [backup, "jobs"]
    assert door.kept([kept, gone], "jobs") == [kept]
    for more in (("--dry-run",), ("--yes",)):
        refused = gatehouse("restore", "jobs", backup, *more)
        assert (refused.code, "--with-erased" in refused.err) == (1, True)
    assert gatehouse("restore", "jobs", backup, "--dry-run", "--with-erased").code == 0
    assert door.rows(sent[1:], "jobs").status_code == 422
    assert gatehouse(*erase, "--allow").lines[1] == f"jobs\t{gone}"
    assert gatehouse(*erase, "--allow").code == 1  # it is not erased
    assert door.rows(sent[1:], "jobs").status_code == 201
    done = gatehouse(*erase, "--reason", "asked for it", "--yes", "--backups", "--json")
    assert (done.code, done.json["rows"][0]["row"]) == (0, True)
    [held] = done.json["backups"]
    assert (held["backup_id"], bool(held["rewritten_to"])) == (backup, True)
