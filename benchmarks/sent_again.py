"""Rows that are sent again beside plain inserts: ``python -m benchmarks.sent_again``.

A service of its own, with a million rows, takes requests of 1000 rows by several connections. In
turn they are all new; or half of them are those that came last, as they were, with
``Prefer: resolution=ignore-duplicates`` and ``merge-duplicates``; or with other content, which
changes them. Told are rows a second, milliseconds of the service's CPU for 1000 rows, and both as a
share of the plain inserts of the same round: the CPU is what a busy machine disturbs least.
"""

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.contestants.gatehouse import PATH, Gatehouse
from benchmarks.processes import TICKS, Failed

ROWS, HALF = 1000, 500
IGNORE, MERGE = "resolution=ignore-duplicates", "resolution=merge-duplicates"


@dataclass(frozen=True)
class Mode:
    """What is sent: the preference, and whether half of the rows are there, or are changed."""

    title: str
    prefer: str = ""
    again: bool = False
    changed: bool = False


MODES = (
    Mode("all new"),
    Mode("half there, ignored", IGNORE, again=True),
    Mode("half there, merged", MERGE, again=True),
    Mode("half there, changed", MERGE, again=True, changed=True),
)


def row(number: int, name: str) -> str:
    """A row in JSON."""
    return (
        f'{{"id":{number},"name":"{name}","datetime":"2021-{number % 12 + 1:02}-01T08:00:00Z",'
        f'"department_id":{number % 12 + 1},"job_id":{number % 183 + 1}}}'
    )


def bodies(mode: Mode, ids: Iterator[int]) -> Iterator[bytes]:
    """Requests, each of which says the second half of the one before again, if the mode does."""
    before: list[int] = []
    while True:
        new = [next(ids) for _ in range(HALF if before else ROWS)]
        name = "Changed Name" if mode.changed else "Some Name"
        rows = [row(number, name) for number in before] + [row(n, "Some Name") for n in new]
        yield f"[{','.join(rows)}]".encode()
        before = new[-HALF:] if mode.again else []


def sent(port: int, mode: Mode, ids: Iterator[int], until: float, totals: list[int]) -> None:
    """Sends requests by one connection until then; adds how many rows were answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"} | (
        {"Prefer": mode.prefer} if mode.prefer else {}
    )
    for body in bodies(mode, ids):
        if time.monotonic() > until:
            return
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 201:
            raise Failed(f"{mode.title}: {answer.status} {said[:300]!r}")
        totals.append(ROWS)


def cpu_seconds(pid: int) -> float:
    """What a process and those that it started have used."""
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid or int(fields[1]) == pid:
            found += int(fields[11]) + int(fields[12])
    return found / TICKS


def measured(port: int, pid: int, mode: Mode, ids: Iterator[int], seconds: float, wide: int
             ) -> tuple[float, float]:  # fmt: skip
    """Rows a second, and milliseconds of CPU for 1000 rows."""
    totals: list[int] = []
    began, used = time.monotonic(), cpu_seconds(pid)
    told = (port, mode, ids, began + seconds, totals)
    threads = [threading.Thread(target=sent, args=told) for _ in range(wide)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - began
    rows = sum(totals)
    return rows / taken, (cpu_seconds(pid) - used) * 1e6 / rows


def main() -> None:
    """Prints a line for each mode and round, then the medians."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--rounds", type=int, default=5)
    said.add_argument("--seconds", type=float, default=3)
    said.add_argument("--connections", type=int, default=4)
    said.add_argument("--rows", type=int, default=1_000_000, help="that are there before")
    asked = said.parse_args()
    shares = dict[str, list[tuple[float, float]]]()
    ids = count(asked.rows + 1)
    with tempfile.TemporaryDirectory() as name:
        folder, service = Path(name) / "one", Gatehouse(Path(name))
        folder.mkdir()
        service.make(folder, asked.rows)
        with service.serving(folder) as served:
            port, pid = served.target.port, served.pids[0]
            measured(port, pid, MODES[0], ids, 2, asked.connections)
            for number in range(asked.rounds):
                plain = (1.0, 1.0)
                for mode in MODES:
                    rate, cpu = measured(port, pid, mode, ids, asked.seconds, asked.connections)
                    plain = plain if mode.again else (rate, cpu)
                    shares.setdefault(mode.title, []).append((rate / plain[0], plain[1] / cpu))
                    print(f"{number + 1} {mode.title}: {rate:,.0f} rows/s, {cpu:.2f} ms/1000 rows")
    for title, found in shares.items():
        rates, cpus = (sorted(each) for each in zip(*found, strict=True))
        print(f"{title}: rate {median(rates):.2f} ({rates[0]:.2f} to {rates[-1]:.2f}), by CPU "
              f"{median(cpus):.2f} ({cpus[0]:.2f} to {cpus[-1]:.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
