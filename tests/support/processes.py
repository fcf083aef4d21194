"""The service in a process of its own, to be killed, weighed and starved."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeAlias

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.nursery import Child, nursery
from tests.support.services import client_of

COMMAND = "from service.cli import main; main()"
PATHS = ("project", "warehouse", "backups", "seeds")
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")


class Service:
    """`gatehouse serve` in a process of its own, and a client of it."""

    def __init__(
        self,
        settings: Settings,
        program: str = COMMAND,
        more: Mapping[str, str] | None = None,
        new_python: bool = False,
    ) -> None:
        """Returns when it answers; `more` are settings of its environment.

        A new Python is for those who weigh it, or change what happens before a program begins.
        """
        start = _in_new_python if new_python else in_fork
        self.process, self._out = start(program, _environ(settings, more))
        said = (re.match(r"Gatehouse (?:is|waits) at ([^\s,]+)", line) for line in self._out)
        address = next(filter(None, said), None)
        assert address, f"the service did not start: exit code {self.process.wait()}"
        self.url = address[1]
        self.client = client_of(self.url)

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def kill_while(
        self, work: Callable[[httpx.Client, threading.Event], None], seconds: float
    ) -> None:
        """Kills it so many seconds behind the moment when `work`, which goes on in a thread of its
        own until then, has set its event for the first time.
        """
        moments = threading.Event()
        worker = threading.Thread(target=work, args=(self.client, moments))
        worker.start()
        assert moments.wait(60)
        worker.join(seconds)
        self.process.kill()
        worker.join(60)
        self.kill()

    def kill(self) -> None:
        """Ends it as a power cut would; once is enough."""
        self.process.kill()
        self.process.wait()
        self._out.close()
        self.client.close()

    def stop(self) -> int:
        """Has it end in order; its exit code."""
        self.process.terminate()
        code = self.process.wait(90)
        self.kill()
        return code


def kill_while_it_starts(
    settings: Settings, program: str, more: Mapping[str, str], seconds: float
) -> None:
    """Starts a service, which is killed after so many seconds, whether it answers yet or not."""
    process, out = in_fork(program, _environ(settings, more))
    with out:
        threading.Timer(seconds, process.kill).start()
        assert process.wait(60) == -signal.SIGKILL


def _environ(settings: Settings, more: Mapping[str, str] | None) -> dict[str, str]:
    paths = {f"GATEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in PATHS}
    quiet = {"GATEHOUSE_LOG_LEVEL": "warning", "GATEHOUSE_VERIFY_SCHEDULE": "never"}
    return {**os.environ, **paths, **quiet, **(more or {})}


Running: TypeAlias = "Child | subprocess.Popen[str]"
ARGUMENTS = ("serve", "--port", "0")


def in_fork(program: str, environ: Mapping[str, str]) -> tuple[Child, IO[str]]:
    """A process of the nursery that is to serve, and what it says."""
    ours, theirs = os.pipe()
    try:
        with Path(os.devnull).open() as nothing:
            streams = (nothing.fileno(), theirs, 2)
            child = nursery().run(program, ARGUMENTS, environ, streams)
    finally:
        os.close(theirs)
    return child, os.fdopen(ours)


def _in_new_python(program: str, environ: Mapping[str, str]) -> tuple[Running, IO[str]]:
    command = [sys.executable, "-c", program, *ARGUMENTS]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout
