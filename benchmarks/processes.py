"""Programs that a benchmark starts: until they answer, what they use, their end."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MB = 1_000_000

Command = list[str | Path]


class Failed(Exception):
    """A program of the benchmark did not do what it should; the message has its last words."""


class Program:
    """A program under way. Its output goes to `log`."""

    def __init__(
        self, command: Command, log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environ,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_for(self, is_ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Returns as soon as `is_ready`.

        Raises:
            Failed: the program has ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{what} does not answer:\n{self.last_words()}")
            time.sleep(0.005)

    def last_words(self) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self, seconds: float = 60) -> None:
        """Asks it to end and waits; kills it and what it started when it does not."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """Stops `program` at the exit."""
    try:
        yield program
    finally:
        program.stop()


def free_port() -> int:
    """A port that no one listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def status_of(port: int, path: str = "/") -> int | None:
    """The status of a GET, or None when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with suppress(OSError, http.client.HTTPException):
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()
    return None


def tree(pid: int) -> Iterator[int]:
    """`pid` and all the processes below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from tree(int(child))


def cpu_seconds(pids: Sequence[int]) -> float:
    """What the processes and those below them have used, as long as they live."""
    used = 0
    for pid in (each for parent in pids for each in tree(parent)):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
    return used / TICKS


def rss_mb(pid: int) -> float:
    """The resident memory of a process and those below it, in MB."""
    pages = 0
    for each in tree(pid):
        with suppress(OSError):
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
    return pages * PAGE / MB


@contextmanager
def peak_rss(pid: int) -> Iterator[Callable[[], float]]:
    """Watches a process tree 50 times a second; the callable says its peak so far, in MB."""
    peak, ended = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.02):
            peak = max(peak, rss_mb(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: max(peak, rss_mb(pid))
    finally:
        ended.set()
        thread.join()


def timed(command: Command, environ: Mapping[str, str] | None = None) -> tuple[float, float, str]:
    """Runs a program to its end: its seconds, its peak memory in MB, what it printed.

    Raises:
        Failed: it ended with another code than 0.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise Failed(f"{command[0]} ended with code {process.returncode}: {printed[-2000:]}")
    return seconds, used.ru_maxrss * 1024 / MB, printed
