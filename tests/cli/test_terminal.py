"""On a terminal: tables are drawn, a restore is asked for."""

import os
import pty
import re
import subprocess
import sys

import pytest

from service.cli import output


@pytest.fixture
def typing(settings):
    """Runs `gatehouse` on a terminal, types `keys`, gives the exit code and the screen."""

    def run(environ, *arguments, keys="", width=200):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *arguments],
            env={**environ, "TERM": "xterm", "COLUMNS": str(width)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
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
        ("loads", "    departments 1 rows (0 accepted, 1 rejected, 0 already present)"),
        ("rejections", "    type: id is not a whole number of 32 bits; max_length: "),
    ):
        code, screen = on_terminal(command, "--limit", "1", width=80)
        assert code == 0
        plain = re.sub(r"\x1b\[[0-9;]*m", "", screen).splitlines()
        assert plain[0].startswith(load_id)
        assert plain[1].startswith(said)
        assert all(len(line) <= 80 for line in plain), plain


def test_the_dictionary_is_readable_at_80_columns(on_terminal):
    code, screen = on_terminal("dictionary", "hired_employees", width=80)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen).splitlines()
    assert plain[0] == "hired_employees  1,923 rows, 76 kept out"
    assert "    - at most 255 characters" in plain
    assert all(len(line) <= 80 for line in plain), plain


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
    assert screen.rstrip().endswith("jobs 3000 rows (3000 accepted, 0 rejected)")


def test_in_a_pipe_a_table_is_lines_that_other_programs_can_cut(capsys):
    output.table([{"a_b": "x\ty\n", "c": None}, {"a_b": 1, "c": ["p", "q"]}], ["a_b", "c"])
    assert capsys.readouterr().out == "a b\tc\nx\\ty\\n\t\n1\tp; q\n"
