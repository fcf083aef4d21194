"""Processes that begin with everything imported: forks of one that has built once, and no more.

A new Python takes 0.7 s of a core until a command can begin, and 2 s until dbt can; the first build
takes 2 s more than the next, since dbt makes its classes and templates when they are first needed.
Each process is one of its own all the same: with its arguments, its environment, its exit code, its
pipes.

All processes of a test run share the one that is forked. It is started when it is asked for first,
by the first process of the run, and ends with that. Run as a program (`python -m
tests.support.nursery DESCRIPTOR`), this module is it.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import resource_tracker, util
from pathlib import Path
from tempfile import TemporaryFile
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
BUILT = "built"  # the folder of the warehouse that it has built


class Child:
    """A process of the nursery, as far as `subprocess.Popen` knows them."""

    def __init__(self, link: socket.socket) -> None:
        self._told = link.makefile("rb")
        self._link = link
        self.pid = int(self._told.readline())
        self.returncode: int | None = None
        self.seconds = 0.0  # of CPU, once it has ended

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal; raises TimeoutError."""
        if self.returncode is None:
            self._link.settimeout(timeout)
            code, seconds = self._told.readline().split()
            self.returncode, self.seconds = int(code), float(seconds)
            ended.append(self.seconds)
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
    """The process that is forked, as all processes of the run reach it."""

    def __init__(self, address: str) -> None:
        self._address = address

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
        said |= {"cwd": str(cwd or Path.cwd()), "kept": str(parsed.folder or "")}
        link = socket.socket(socket.AF_UNIX)
        link.connect(self._address)
        socket.send_fds(link, [b"!"], streams)
        link.sendall(json.dumps(said).encode() + b"\n")
        return Child(link)

    def built(self) -> None:
        """Waits until there is a warehouse of the shipped history, in the folder `BUILT`."""
        code, _, errors = self.capture("", [], os.environ)
        assert code == 0, errors

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


class Keeper:
    """Starts that process once someone asks for it, in the first process of a run; closes it."""

    def __init__(self) -> None:
        self.address = f"\0gatehouse-nursery-{os.getpid()}"  # of no file
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen()
        self._over, self._ours = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._wait, name="nursery", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._listener, self._over):
                selector.register(each, selectors.EVENT_READ)
            if self._over in {key.fileobj for key, _ in selector.select()}:
                return
        number = self._listener.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(number)],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.PIPE,  # at whose end it ends, however this process did
            pass_fds=[number],
        )

    def close(self) -> None:
        """Ends it; what it has brought forth goes on."""
        self._ours.close()
        self._thread.join()
        self._listener.close()
        self._over.close()
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()


ended: list[float] = []  # CPU seconds of each child that this process has waited for
address: str | None = None  # said by the first process of the run


def nursery() -> Nursery:
    """That of this run."""
    assert address, "the run has no nursery"
    return Nursery(address)


# In the process that is forked.


def _serve(listener: socket.socket) -> None:
    """Forks for each who asks, until the one who started it is gone."""
    for name in IMPORTED:
        importlib.import_module(name)
    for link in _links(listener):
        with link:
            said, streams = _received(link)
            if parsed.folder is None:  # the first
                parsed.folder = Path(said["kept"])
                _build_once(parsed.folder / BUILT)
                gc.collect()
                gc.freeze()  # else each child looks through it all, and has to copy it for that
            if not os.fork():
                listener.close()
                _watch(link, said, streams)
            for descriptor in streams:
                os.close(descriptor)
        with contextlib.suppress(ChildProcessError):  # those that watch and have ended
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _links(listener: socket.socket) -> Iterator[socket.socket]:
    """A link to each who asks, until there is an end of what is read from stdin."""
    with selectors.DefaultSelector() as selector:
        for each in (listener, sys.stdin):
            selector.register(each, selectors.EVENT_READ)
        while [key.fileobj for key, _ in selector.select()] == [listener]:
            yield listener.accept()[0]


def _received(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What is asked for, and descriptors 0 to 2."""
    _, streams, _, _ = socket.recv_fds(link, 1, STREAMS)
    with link.makefile("rb") as message:
        return json.loads(message.readline()), streams


def _build_once(folder: Path) -> None:
    """A build of the shipped history; of its threads, only Arrow's stay, which knows of forks.

    And the routes of the application.
    """
    from service.app import create_app
    from service.dbt.runner import build_offline
    from service.runtime.locations import Location
    from service.runtime.settings import Settings

    shutil.copytree(CHECKOUT / "seeds", folder / "seeds")
    settings = Settings(
        project=CHECKOUT,
        warehouse=folder / "gatehouse.duckdb",
        backups=Location(folder / "backups"),
        seeds=folder / "seeds",
    )
    build = build_offline(settings)
    assert build.status == "done", build.message
    parsed.keep(settings)
    create_app(settings)
    # Locks of dbt have names in the system: this process forgets its own, each child has others.
    util._run_finalizers()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def _watch(link: socket.socket, said: dict[str, Any], streams: Sequence[int]) -> None:
    """Forks once more, says which process that is, how it ended and what CPU time it took."""
    if not (pid := os.fork()):
        link.close()
        _become(said, streams)
    for descriptor in (*range(STREAMS), *streams):
        os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):
        link.sendall(b"%d\n" % pid)
        _, status, used = os.wait4(pid, 0)
        seconds = used.ru_utime + used.ru_stime
        link.sendall(b"%d %f\n" % (os.waitstatus_to_exitcode(status), seconds))
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
    try:
        _serve(socket.socket(fileno=int(sys.argv[1])))
    except _Done as done:
        code = str(done)
    else:
        sys.exit()
    _end_with(code)
