"""`gatehouse rows set`, `delete` and `history`, one after the other, on one warehouse."""

import pytest

from tests.support.commands import run


@pytest.fixture(scope="module")
def rows(door):
    """Runs `gatehouse rows` with a service."""
    url = str(door.client.base_url)
    return lambda *arguments: run(door.settings, "rows", *arguments, GATEHOUSE_URL=url)


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
