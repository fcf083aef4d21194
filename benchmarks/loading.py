"""The load: request bodies, and the generator (loadgen.c) that sends them."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import Failed
from seeds import generate

HERE = Path(__file__).parent
FIRST_ID = 1_000_000_000  # as many digits as the last id that a column of type integer takes
ID = "@" * len(str(FIRST_ID))
TAKEN_ID = "1"  # every table has this row before the load
DEPARTMENTS, JOBS = 12, 183
BODY_ROWS = 1000  # a file of bodies has as many rows, or one that all kinds of bad rows fit into

# One after the other, what is wrong with a bad row: the rules not_null, type, relationships,
# not_blank and unique.
FAULTS: Sequence[dict[str, Any]] = (
    {"name": None},
    {"datetime": "2021-02-30T08:15:00Z"},
    {"department_id": 99},
    {"name": "   "},
    {"id": TAKEN_ID},
)


@dataclass(frozen=True)
class Load:
    """What is sent: `rows` a request, `bad` percent of them bad."""

    connections: int = 8
    rows: int = 1000
    bad: int = 0

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        connections = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{rows} a request, {connections}"


@dataclass(frozen=True)
class Target:
    """Where it is sent; `wrap` is what stands before and after the array of rows."""

    port: int
    path: str
    wrap: tuple[str, str] = ("", "")


class Bodies:
    """The request bodies of a load as a file for the generator."""

    def __init__(self, load: Load, target: Target) -> None:
        faulty = BODY_ROWS if load.rows == 1 else max(load.rows, BODY_ROWS)
        rows = [_row(number, load.bad) for number in range(faulty)]
        batches = [rows[start : start + load.rows] for start in range(0, faulty, load.rows)]
        self._good = [sum(good for _, good in batch) for batch in batches]
        before, after = target.wrap
        self._lines = [
            f"{_status(good, len(batch))} {before}[{','.join(row for row, _ in batch)}]{after}\n"
            for good, batch in zip(self._good, batches, strict=True)
        ]

    def write(self, path: Path) -> None:
        """Writes them, one a line, each after the status that its answer must have."""
        path.write_text("".join(self._lines), encoding="utf-8")

    def accepted(self, requests: int) -> int:
        """How many rows so many requests bring in."""
        rounds, rest = divmod(requests, len(self._good))
        return rounds * sum(self._good) + sum(self._good[:rest])


def _status(good: int, rows: int) -> int:
    return 201 if good == rows else 207 if good else 422


def _row(number: int, bad: int) -> tuple[str, bool]:
    """A row in JSON, and whether it is good; bad ones are spread evenly."""
    first, last = generate.FIRST_NAMES.split(), generate.LAST_NAMES.split()
    row: dict[str, Any] = {
        "id": ID,
        "name": f"{first[number % len(first)]} {last[number * 7 % len(last)]}",
        "datetime": f"2021-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:"
        f"{number * 7 % 60:02}:{number * 11 % 60:02}Z",
        "department_id": number % DEPARTMENTS + 1,
        "job_id": number * 7 % JOBS + 1,
    }
    before, now = number * bad // 100, (number + 1) * bad // 100
    if now > before:
        row |= FAULTS[before % len(FAULTS)]
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.replace(f'"{row["id"]}"', row["id"], 1), now == before


class Generator:
    """The generator, compiled; `folder` takes its files."""

    def __init__(self, folder: Path) -> None:
        """Raises Failed when there is no C compiler."""
        self._folder = folder
        self._program = folder / "loadgen"
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise Failed("the load generator needs a C compiler (Debian, Ubuntu: apt install gcc)")
        subprocess.run([compiler, "-O2", "-o", self._program, HERE / "loadgen.c"], check=True)

    def run(self, load: Load, target: Target, warm_up: float, seconds: float) -> dict[str, Any]:
        """Sends `load` for so long; what came out, and in "accepted" the rows that went in.

        Raises:
            Failed: an answer had another status than its request should get.
        """
        bodies = self._bodies(load, target)
        command = self._command(load, target, warm_up, seconds)
        done = subprocess.run(command, capture_output=True, check=False)
        return self._result(done.stdout, done.stderr, bodies)

    def start(self, load: Load, target: Target, log: Path) -> "Sending":
        """Sends `load` until it is stopped; every request is written into `log`."""
        bodies = self._bodies(load, target)
        command = [*self._command(load, target, 0, 86_400), "-l", str(log)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Sending(process, lambda out, err: self._result(out, err, bodies), log)

    def _bodies(self, load: Load, target: Target) -> Bodies:
        bodies = Bodies(load, target)
        bodies.write(self._folder / "bodies")
        return bodies

    def _command(self, load: Load, target: Target, warm_up: float, seconds: float) -> list[str]:
        options = {
            "-p": target.port,
            "-u": target.path,
            "-b": self._folder / "bodies",
            "-c": load.connections,
            "-i": FIRST_ID,
            "-w": warm_up,
            "-t": seconds,
        }
        return [str(self._program), *(str(part) for pair in options.items() for part in pair)]

    @staticmethod
    def _result(out: bytes, err: bytes, bodies: Bodies) -> dict[str, Any]:
        if not out:
            raise Failed(err.decode(errors="replace"))
        result: dict[str, Any] = json.loads(out.decode(errors="replace"))
        if result["unexpected"]:
            raise Failed(f"{result['statuses']}: {result['first_unexpected']}")
        return result | {"accepted": bodies.accepted(result["requests"])}


class Sending:
    """A load under way."""

    def __init__(self, process: Any, result: Any, log: Path) -> None:
        self._process, self._result, self._log = process, result, log

    def stop(self) -> tuple[dict[str, Any], list[tuple[float, float]]]:
        """The result, and each request as (sent, answered) in seconds of time.monotonic().

        Raises:
            Failed: as Generator.run.
        """
        self._process.terminate()
        out, err = self._process.communicate()
        result = self._result(out, err)
        lines = map(str.split, self._log.read_text().splitlines())
        return result, [(float(sent), float(answered)) for sent, answered, _ in lines]
