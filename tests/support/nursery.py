"""Processes that begin with everything imported: forks of one that has built once, and no more.

A new Python takes 0.7 s of a core until a command can begin, and 2 s until dbt can; the first build
takes 2 s more than the next, since dbt makes its classes and templates when they are first needed.
Each process is one of its own all the same: with its arguments, its environment, its exit code, its
pipes.

Run as a program (`python -m tests.support.nursery DESCRIPTOR FOLDER`), this is the process that is
forked; what dbt has read is kept in the folder.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import resource_tracker, util
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, NoReturn

from tests.support import CHECKOUT, parsed

IMPORTED = (
    "service.cli.client",
    "service.cli.inside",
    "service.api.http.server",
    "service.doors.files",
    "service.dbt.plugin",
    "dbt.cli.main",
    "dbt.adapters.duckdb.impl",
    "rich.progress",
)
STREAMS = 3  # stdin, stdout, stderr


class Child:
    """A process of the nursery, as far as `subprocess.Popen` knows them."""

    def __init__(self, link: socket.socket) -> None:
        self._told = link.makefile("rb")
        self._link = link
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal; raises TimeoutError."""
        if self.returncode is None:
            self._link.settimeout(timeout)
            self.returncode = int(self._told.readline())
            self._told.close()
            self._link.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, if it has not ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The process that is forked, from here."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno()), str(parsed.folder or "")],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self.pid = self._process.pid

    def run(
        self,
        code: str,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        streams: Sequence[int],
        cwd: Path | None = None,
    ) -> Child:
        """A process that does `code` with these arguments, environment and descriptors 0 to 2."""
        # dbt's static parser has threads, and waits for them for ever where it was forked.
        own = {**environ, "DBT_STATIC_PARSER": "false"}
        said = {"code": code, "arguments": [*arguments], "environ": own}
        link, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"!"], [theirs.fileno()])
        socket.send_fds(link, [b"!"], streams)
        link.sendall(json.dumps({**said, "cwd": str(cwd or Path.cwd())}).encode() + b"\n")
        return Child(link)

    def capture(
        self,
        code: str,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        stdin: str = "",
        cwd: Path | None = None,
    ) -> tuple[int, str, str]:
        """Exit code, output and errors of such a process, which has two minutes."""
        with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            given.write(stdin)
            given.seek(0)
            streams = [each.fileno() for each in (given, out, err)]
            child = self.run(code, arguments, environ, streams, cwd)
            try:
                ended = child.wait(120)
            except TimeoutError:
                child.kill()
                raise
            for each in (out, err):
                each.seek(0)
            return ended, out.read(), err.read()

    def close(self) -> None:
        """Ends it; what it has brought forth goes on."""
        self._control.close()
        self._process.wait()


_one: list[Nursery] = []


def nursery() -> Nursery:
    """That of this process, which is started when it is asked for first."""
    if not _one:
        _one.append(Nursery())
    return _one[0]


def all_of_them() -> list[Nursery]:
    """That of this process, if it was asked for."""
    return _one


def close() -> None:
    """Ends that of this process, if there is one."""
    while _one:
        _one.pop().close()


# In the process that is forked.


def _serve(control: socket.socket) -> None:
    """Forks for each who asks, until the one who started it is gone."""
    for name in IMPORTED:
        importlib.import_module(name)
    _build_once()
    gc.collect()
    gc.freeze()  # else each child looks through it all, and has to copy it for that
    while links := socket.recv_fds(control, 1, 1)[1]:
        with socket.socket(fileno=links[0]) as link:
            if not os.fork():
                control.close()
                _watch(link)
        with contextlib.suppress(ChildProcessError):  # those that watch and have ended
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _build_once() -> None:
    """A build of the shipped history; of its threads, only Arrow's stay, which knows of forks.

    And the routes of the application.
    """
    from service.app import create_app
    from service.dbt.runner import build_offline
    from service.runtime.locations import Location
    from service.runtime.settings import Settings

    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(
            project=CHECKOUT, warehouse=folder / "gatehouse.duckdb", backups=Location(folder)
        )
        parsed.take_over(settings)
        build = build_offline(settings)
        assert build.status == "done", build.message
        parsed.keep(settings)
        create_app(settings)
    # Locks of dbt have names in the system: this process forgets its own, each child has others.
    util._run_finalizers()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def _watch(link: socket.socket) -> None:
    """Forks once more, says which process that is and how it ended."""
    _, streams, _, _ = socket.recv_fds(link, 1, STREAMS)
    with link.makefile("rb") as message:
        said = json.loads(message.readline())
    if not (pid := os.fork()):
        link.close()
        _become(said, streams)
    for descriptor in (*range(STREAMS), *streams):
        os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):
        link.sendall(b"%d\n" % pid)
        status = os.waitpid(pid, 0)[1]
        link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(said: dict[str, Any], streams: Sequence[int]) -> None:
    """Does what was asked for, and ends as Python does."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(said["environ"])
    os.chdir(said["cwd"])
    sys.argv[1:] = said["arguments"]
    raise _Done(said["code"])


class _Done(BaseException):
    """Leads out of what the nursery was doing, so that nothing of it is left on the stack."""


def _end_with(code: str) -> NoReturn:
    """Does `code`, and ends as Python does, but for what libraries in C do at the very end.

    They would join threads that are none of this process.
    """
    status = 0
    try:
        exec(compile(code, "<a child of the nursery>", "exec"), {"__name__": "__main__"})
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - told as Python tells it
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined] # as multiprocessing ends its own
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    parsed.folder = Path(sys.argv[2]) if sys.argv[2] else None
    try:
        _serve(socket.socket(fileno=int(sys.argv[1])))
    except _Done as done:
        code = str(done)
    else:
        sys.exit()
    _end_with(code)
