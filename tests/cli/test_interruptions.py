"""Ctrl-C and SIGTERM: what goes on is told, and can be cancelled; nothing is left half done."""

import os
import pty
import re
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest

from service.dbt.runner import one_at_a_time
from service.doors.replay_changes import ReplayTry
from service.errors import Conflict
from service.gate import Gate
from service.ops.rejection_filters import RejectionFilter
from tests.support.answers import ended
from tests.support.commands import COMMAND, environment
from tests.support.nursery import nursery
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow


class Screen:
    """`gatehouse` in a process of its own, at a terminal."""

    def __init__(self, environ, *words):
        self._keyboard, theirs = pty.openpty()
        said = {**environ, "TERM": "xterm", "COLUMNS": "200"}
        self.process = nursery().run(COMMAND, [*map(str, words)], said, [theirs] * 3)
        os.close(theirs)
        self.text = ""

    def wait_for(self, words):
        """Returns when it has said so."""
        while words not in self.text:
            self.text += os.read(self._keyboard, 4096).decode()

    def type(self, keys):
        os.write(self._keyboard, keys.encode())

    def close(self):
        """Its exit code."""
        try:
            while part := os.read(self._keyboard, 4096):
                self.text += part.decode()
        except OSError:  # how Linux says that the other end is closed
            os.close(self._keyboard)
        return self.process.wait(60)


@pytest.fixture
def at_terminal(settings, client):
    environ = environment(settings, GATEHOUSE_URL=str(client.base_url))
    return lambda *words: Screen(environ, *words)


@pytest.fixture
def jobs(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text("id,job\n9001,Smith\n")
    return path


def test_a_load_goes_on_or_is_cancelled_as_one_wants(at_terminal, client, jobs):
    for sent, answer, code, status in (
        (signal.SIGINT, "y", 130, "failed"),
        (signal.SIGINT, "n", 130, "done"),
        (signal.SIGTERM, None, 143, "done"),
    ):
        with one_at_a_time:  # so that the load waits
            screen = at_terminal("load", "jobs", jobs)
            screen.wait_for("loading jobs.csv")
            screen.process.send_signal(sent)
            if answer:
                screen.wait_for("Cancel it?")
                screen.type(f"{answer}\n")
            assert screen.close() == code
        said = re.search(
            r"the load of jobs.csv goes on at the service: `gatehouse loads show (\S+)`",
            screen.text,
        )
        assert said, screen.text
        assert ("was cancelled" in screen.text) == (status == "failed")
        assert ("Cancel it?" in screen.text) == bool(answer)
        load = ended(client, f"/v1/loads/{said[1]}")
        assert (load["status"], load["accepted"] + load["already_present"]) == (
            status,
            int(status == "done"),
        )
        if status == "failed":
            assert load["detail"] == "cancelled on request"
    assert client.get("/v1/audit").json()["ok"]
    (deed,) = client.get("/v1/trail?action=load.cancel").json()["entries"]
    assert deed["subject"]


def test_a_second_ctrl_c_leaves_what_goes_on(at_terminal, client, jobs):
    with one_at_a_time:
        screen = at_terminal("load", "jobs", jobs)
        screen.wait_for("loading jobs.csv")
        screen.process.send_signal(signal.SIGINT)
        screen.wait_for("Cancel it?")
        screen.process.send_signal(signal.SIGINT)
        assert screen.close() == -signal.SIGINT
    (load,) = client.get("/v1/loads?kind=file").json()["loads"]
    assert ended(client, f"/v1/loads/{load['load_id']}")["status"] == "done"


def test_a_build_is_cancelled_by_its_id_or_by_who_waits_for_it(at_terminal, client, asking):
    with one_at_a_time:  # so that the build waits
        screen = at_terminal("build")
        screen.wait_for("building")
        screen.process.send_signal(signal.SIGINT)
        screen.wait_for("Cancel it?")
        screen.type("y\n")
        assert screen.close() == 130
        other = client.post("/v1/builds").json()["build_id"]
        assert asking("builds", "cancel", other).lines == [f"cancelled {other}; it ends soon"]
    (first,) = re.findall(r"gatehouse builds show (\S+)`", screen.text)
    for build_id in (first, other):
        assert ended(client, f"/v1/builds/{build_id}")["message"] == "cancelled on request"
    assert [each["build_id"] for each in asking("builds", "--json").json] == [other, first]
    assert "message: cancelled on request" in asking("builds", "show", other).lines
    answer = asking("builds", "cancel", other)
    assert (answer.code, answer.err) == (1, "error: the build has ended\n")


def test_a_build_of_ones_own_ends_in_order(settings, alone):
    ours, theirs = os.pipe()
    with Path(os.devnull).open() as nothing:
        streams = [nothing.fileno(), theirs, theirs]
        process = nursery().run(COMMAND, ["build"], environment(settings), streams)
    os.close(theirs)
    with closing(os.fdopen(ours)) as said:
        said.readline()  # the first of many nodes has ended
        process.send_signal(signal.SIGINT)
        rest = said.read()
    assert process.wait(60) == 130
    assert "interrupted: the build was cancelled; the tables that it had come to stay" in rest
    assert alone("audit").code == 0


def test_an_insert_says_what_is_in_and_goes_on_there(settings, client, asking, tmp_path):
    rows = [f'{{"id": {9000 + i}, "job": "Job {i}"}}\n' for i in range(1500)]
    ours, theirs = os.pipe()
    errors = (tmp_path / "errors").open("w+")
    environ = environment(settings, GATEHOUSE_URL=str(client.base_url))
    words = ["insert", "jobs", "-", "--format", "ndjson"]
    process = nursery().run(COMMAND, words, environ, [ours, errors.fileno(), errors.fileno()])
    os.close(ours)
    with os.fdopen(theirs, "w") as keyboard:
        keyboard.writelines(rows[:1001])
        keyboard.flush()
        while client.get("/v1/tables/jobs").json()["rows"] < 1183:
            PAUSE(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    errors.seek(0)
    assert (
        errors.read()
        .splitlines()[-1]
        .startswith(
            "interrupted: the insert into jobs is left where it is; the same command goes on"
        )
    )
    (tmp_path / "rows.ndjson").write_text("".join(rows))
    again = asking("insert", "jobs", tmp_path / "rows.ndjson")
    assert again.code == 0
    assert again.lines == ["jobs 500 rows (500 accepted, 0 rejected, 1,000 sent before)"]


def test_a_replay_of_all_is_cancelled_and_the_books_are_right(settings):
    gate = Gate(settings)
    gate.open()
    caught = []

    def replay():
        try:
            gate.replays.replay_filtered(RejectionFilter(status="open"), ReplayTry(None))
        except Conflict as error:
            caught.append(error)

    with closing(gate):
        thread = threading.Thread(target=replay)
        with gate.writer.lock:  # so that it has to wait
            thread.start()
            while not (running := [*gate.replays._running]):
                PAUSE(0.05)
            assert gate.replays.cancel(running[0])
        thread.join(60)
        assert [error.members["load_id"] for error in caught] == running
        with gate.database.reading() as connection:
            found = connection.execute(
                "select distinct status, detail from ops.loads where load_id = ?", running
            ).fetchall()
        assert found == [("failed", "cancelled on request")]
        assert not gate.replays.cancel(running[0])
