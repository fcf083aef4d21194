"""The command as people run it: a process of its own, its exit code and what it prints."""

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests.support import CHECKOUT
from tests.support.nursery import nursery

NOTHING_BY_THE_CLOCK = {"GATEHOUSE_VERIFY_SCHEDULE": "never"}
COMMAND = "from service.cli import main; main(prog_name='gatehouse')"
PATHS = ("project", "warehouse", "backups", "seeds")


@dataclass
class Answer:
    """What a run of `gatehouse` left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


def environment(settings, **more):
    """The environment of a process that is to work with `settings`."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("GATEHOUSE_")}
    paths = {f"GATEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in PATHS}
    return {**outside, "PYTHONPATH": str(CHECKOUT), **NOTHING_BY_THE_CLOCK, **paths, **more}


def run_anew(settings, *arguments, stdin=None, **more):
    """Runs `gatehouse` with `arguments` in a new Python, with `stdin` as its input."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env=environment(settings, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def run(settings, *arguments, stdin=None, **more):
    """As `run_anew`, in a process that begins with everything imported."""
    code, out, err = nursery().capture(
        COMMAND, [*map(str, arguments)], environment(settings, **more), stdin or ""
    )
    assert "Traceback" not in err, err
    return Answer(code, out, err)


@pytest.fixture
def runner(request):
    """How a test runs commands: those that are marked so, in a new Python each."""
    return run_anew if request.node.get_closest_marker("new_python") else run


@pytest.fixture
def alone(settings, runner):
    """`gatehouse` on a warehouse of this test's own; no service runs."""
    return lambda *arguments, **more: runner(settings, *arguments, **more)


@pytest.fixture
def asking(settings, client, runner):
    """`gatehouse` asking a service that runs on a warehouse of this test's own."""
    url = str(client.base_url)
    return lambda *arguments, **more: runner(settings, *arguments, GATEHOUSE_URL=url, **more)


class Service:
    """`gatehouse serve` in a process of its own, the URL it says it has, and its errors."""

    def __init__(self, begin, errors):
        self.process, self._out = begin(errors)
        self._errors = errors
        self.url = self._address()

    def _address(self):
        for line in self._out:
            if found := re.match(r"Gatehouse is at (https?://\S+)", line):
                return found[1]
        raise AssertionError(self.errors)

    @property
    def errors(self):
        """What it has written to stderr."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self):
        """Kills it, if it has not ended."""
        self.process.kill()
        self.process.wait()
        self._out.close()


@pytest.fixture
def started(settings, request):
    """Starts `gatehouse serve` on a warehouse of this test's own; ends it with the test.

    In a new Python where the test is marked so.
    """
    begin = _in_new_python if request.node.get_closest_marker("new_python") else _in_fork
    with ExitStack() as stack:

        def start(*arguments, **more):
            words = ["serve", "--port", "0", *arguments]
            errors = stack.enter_context(TemporaryFile("w+"))
            service = Service(partial(begin, words, environment(settings, **more)), errors)
            stack.callback(service.close)
            return service

        yield start


def _in_new_python(words, environ, errors):
    command = [sys.executable, "-m", "service.cli", *words]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    return process, process.stdout


def _in_fork(words, environ, errors):
    ours, theirs = os.pipe()
    try:
        with Path(os.devnull).open() as nothing:
            streams = (nothing.fileno(), theirs, errors.fileno())
            child = nursery().run(COMMAND, words, environ, streams)
    finally:
        os.close(theirs)
    return child, os.fdopen(ours)
