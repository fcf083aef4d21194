"""The command as people run it: a process of its own, its exit code and what it prints."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

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


@dataclass
class Service:
    """`gatehouse serve` in a process of its own, and the URL it says it has."""

    process: "subprocess.Popen[str]"
    url: str


@pytest.fixture
def started(settings):
    """Starts `gatehouse serve` on a warehouse of this test's own; ends it with the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(_serving(settings, arguments, more))


@contextmanager
def _serving(settings, arguments, more):
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", "--port", "0", *arguments],
        env=environment(settings, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = threading.Timer(240, process.kill)
    watch.start()
    try:
        yield Service(process, _address(process))
    finally:
        process.kill()
        process.communicate()
        watch.cancel()


def _address(process):
    for line in process.stdout:
        if found := re.match(r"Gatehouse is at (https?://\S+)", line):
            return found[1]
    raise AssertionError(process.stderr.read())
