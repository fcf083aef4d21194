"""On a terminal: tables are drawn, a restore is asked for."""

import os
import pty
import re
import shutil

import pytest

from service.cli import drawing, output
from tests.support.commands import COMMAND, environment
from tests.support.nursery import nursery
from tests.support.services import serving, settings_in


@pytest.fixture(scope="module")
def typing():
    """Runs `gatehouse` on a terminal, types `keys`, gives the exit code and the screen."""

    def run(environ, *arguments, keys="", width=200):
        ours, theirs = pty.openpty()
        said = {**environ, "TERM": "xterm", "COLUMNS": str(width)}
        process = nursery().run(COMMAND, [*map(str, arguments)], said, [theirs] * 3)
        os.close(theirs)
        os.write(ours, keys.encode())
        screen = b""
        try:
            while part := os.read(ours, 4096):
                screen += part
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
        return process.wait(60), screen.decode()

    return run


@pytest.fixture
def on_terminal(typing, client, settings):
    """`typing`, asking a service that runs on a warehouse of this test's own."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GATEHOUSE_")}
    environ["GATEHOUSE_URL"] = str(client.base_url)
    return lambda *arguments, **more: typing(environ, *arguments, **more)


def test_tables_are_drawn(on_terminal):
    code, screen = on_terminal("tables")
    assert code == 0
    assert "───" in screen
    assert "departments" in screen


def test_loads_and_rejections_are_readable_at_80_columns(on_terminal, client):
    rows = [{"id": "x", "department": "D" * 300}]
    load_id = client.post("/v1/tables/departments/rows", json=rows).json()["load_id"]
    for command, said in (
        ("loads", "    departments 1 row (0 accepted, 1 rejected, 0 already present)"),
        ("rejections", "    type: id is not a whole number of 32 bits; max_length: "),
    ):
        code, screen = on_terminal(command, "--limit", "1", width=80)
        assert code == 0
        lines = plain(screen)
        assert lines[0].startswith(load_id)
        assert lines[1].startswith(said)


def plain(screen):
    """The lines of a screen, without what makes them bold or removes them."""
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", screen).splitlines()


LISTS = (
    ["backups"], ["trail"], ["rejections", "--summary"], ["keys", "list"], ["audit"],
    ["restore", "nothing"],
)  # fmt: skip


@pytest.fixture(scope="module")
def backed_up(built, tmp_path_factory):
    """A service with some of everything, for commands that look."""
    own = settings_in(tmp_path_factory.mktemp("lists"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        client.post("/v1/backups")
        client.post("/v1/tables/departments/rows", json=[{"id": "x", "department": "D" * 300}])
        yield {**environment(own), "GATEHOUSE_URL": str(client.base_url)}


@pytest.mark.parametrize("width", [80, 40])
def test_what_is_listed_fits_the_terminal_and_no_id_is_cut(typing, backed_up, width):
    for arguments in LISTS:
        lines = plain(typing(backed_up, *arguments, width=width)[1])
        assert lines
        for line in lines:
            is_one_word = len(line.split()) == 1
            assert len(line) <= width or is_one_word, line


def drawn(capsys, monkeypatch, width, rows):
    monkeypatch.setenv("COLUMNS", str(width))
    drawing.draw([*rows[0]], [[*row.values()] for row in rows])
    return plain(capsys.readouterr().out)


def test_a_table_that_fits_is_drawn_with_numbers_to_the_right(capsys, monkeypatch):
    rows = [{"name": "a", "rows": "5", "why": ""}, {"name": "bb", "rows": "1923", "why": "x"}]
    header, rule, *lines = drawn(capsys, monkeypatch, 40, rows)
    assert (header.split(), set(rule)) == (["name", "rows", "why"], {"─"})
    assert [line.rstrip() for line in lines] == ["a        5", "bb    1923  x"]


def test_columns_without_values_go_first_then_texts_are_wrapped(capsys, monkeypatch):
    rows = [{"id": "x" * 20, "revoked at": "", "why": "one two three four five six seven"}]
    lines = drawn(capsys, monkeypatch, 50, rows)
    assert lines[0].split() == ["id", "why"]
    assert " ".join(line[20:].strip() for line in lines[2:]) == rows[0]["why"]
    assert all(len(line) <= 50 for line in lines)


def test_what_does_not_fit_is_an_entry_of_several_lines(capsys, monkeypatch):
    rows = [{"id": "x" * 30, "set id": "y" * 35, "note": "a b c " * 10, "rows": ""}] * 2
    lines = drawn(capsys, monkeypatch, 40, rows)
    assert lines[:3] == ["x" * 30, "    set id", "        " + "y" * 35]  # no id is cut
    assert lines[3].startswith("    note    a b c a b c")
    assert lines[3 : lines.index("x" * 30, 1)] == lines[lines.index("x" * 30, 1) + 3 :]
    assert not any("rows" in line for line in lines)


def test_the_dictionary_is_readable_at_80_columns(on_terminal):
    code, screen = on_terminal("dictionary", "hired_employees", width=80)
    assert code == 0
    lines = plain(screen)
    assert lines[0] == "hired_employees  1,923 rows, 76 kept out"
    assert "    - at most 255 characters" in lines
    assert all(len(line) <= 80 for line in lines), lines


def test_a_restore_shows_what_would_change_and_asks(on_terminal, client):
    client.post("/v1/tables/jobs/backups")
    client.post("/v1/tables/jobs/rows", json={"id": 9001, "job": "Smith"})
    code, screen = on_terminal("restore", "jobs", keys="n\n")
    assert "jobs: 184 rows become 183 (0 added, 1 removed, 0 changed)" in screen
    assert "Restore? [y/N]" in screen
    assert code == 1
    assert client.get("/v1/tables/jobs").json()["rows"] == 184
    code, _ = on_terminal("restore", "jobs", keys="y\n")
    assert code == 0
    assert client.get("/v1/tables/jobs").json()["rows"] == 183


def test_yes_means_no_question(on_terminal, client):
    client.post("/v1/tables/jobs/backups")
    code, screen = on_terminal("restore", "jobs", "--yes")
    assert code == 0
    assert "Restore?" not in screen


def test_progress_is_shown_and_does_not_stay(on_terminal, tmp_path):
    lines = "\n".join(f'{{"id": {9000 + i}, "job": "Job"}}' for i in range(3000))
    (tmp_path / "rows.ndjson").write_text(lines)
    code, screen = on_terminal("insert", "jobs", str(tmp_path / "rows.ndjson"))
    assert code == 0
    assert "inserting" in screen
    assert screen.rstrip().endswith("jobs 3,000 rows (3,000 accepted, 0 rejected)")


def test_in_a_pipe_a_table_is_lines_that_other_programs_can_cut(capsys):
    output.table([{"a_b": "x\ty\n", "c": None}, {"a_b": 1, "c": ["p", "q"]}], ["a_b", "c"])
    assert capsys.readouterr().out == "a b\tc\nx\\ty\\n\t\n1\tp; q\n"
