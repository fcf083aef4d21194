"""How soon the service answers, how much memory it takes when idle, how soon the help is there."""

import time
from pathlib import Path
from sys import executable

from benchmarks.bench import Bench, in_words
from benchmarks.processes import Command, rss_mb, timed
from benchmarks.report import Cell, spread
from benchmarks.rounds import Entry, Figures, interleaved, values

COLUMNS = ("", "", "wanted")
NOTE = (
    "Ready: from the start of the process to the first 200 of `GET /health/ready`. Idle: resident"
    " memory two seconds later. Medians (least–most) of {rounds} rounds, files in the page cache."
)


def run(bench: Bench) -> None:
    """All in one table."""
    large = in_words(bench.large)
    entries = [
        Entry("empty", lambda: _started(bench, 1)),
        Entry("large", lambda: _started(bench, bench.large)),
        Entry("help", _helped),
    ]
    found = interleaved(entries, bench.rounds)
    rows: list[list[Cell]] = [
        [f"`gatehouse serve`, {large} rows: ready, s", _spread(found["large"], "ready"), "< 2"],
        [f"`gatehouse serve`, {large} rows: idle, MB", _spread(found["large"], "rss_mb"), None],
        ["`gatehouse serve`, 1 row: ready, s", _spread(found["empty"], "ready"), None],
        ["`gatehouse serve`, 1 row: idle, MB", _spread(found["empty"], "rss_mb"), "< 200"],
        ["`gatehouse --help`, s", _spread(found["help"], "seconds"), "< 0.3"],
    ]
    bench.report.table("Start", COLUMNS, rows, found, NOTE.format(rounds=bench.rounds))


def _started(bench: Bench, rows: int) -> Figures:
    with bench.ours.fresh(rows) as folder:
        began = time.perf_counter()
        with bench.ours.serving(folder) as served:
            ready = time.perf_counter() - began
            time.sleep(2)
            return {"ready": ready, "rss_mb": rss_mb(served.pids[0])}


def _helped() -> Figures:
    script = Path(executable).with_name("gatehouse")
    command: Command = [script] if script.exists() else [executable, "-m", "service"]
    seconds, peak, _ = timed([*command, "--help"])
    return {"seconds": seconds, "peak_mb": peak}


def _spread(runs: list[Figures], name: str) -> str:
    return spread(values(runs, name))
