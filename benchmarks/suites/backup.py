"""Backup and restore of large tables beside the plain fastavro loop, and inserts meanwhile."""

import json
from sys import executable

from benchmarks.bench import Bench, in_words
from benchmarks.client import Client, told_when_not_served
from benchmarks.contestants.contestant import BENCHMARKS
from benchmarks.meanwhile import LOAD, meanwhile
from benchmarks.processes import peak_rss, timed
from benchmarks.report import Cell, spread
from benchmarks.rounds import Entry, Figures, interleaved, middle, ratios, values

TABLE = "/v1/tables/hired_employees"
COLUMNS = ("", "rows/s", "s", "peak MB", "rows/s ÷ loop's", "wanted")
NOTE = (
    "Both: deflate, one file, the same rows. Loop: `fetchall`, dictionaries, `fastavro.writer`;"
    " `fastavro.reader`, Arrow, insert into a new table with its key. Ours by HTTP; its restore"
    " takes the safety backup first and judges every row. Peak: resident memory of the process and"
    " its children; ours is wanted below 400 MB. Medians (least–most) of {rounds} rounds."
)


def run(bench: Bench) -> None:
    """Each size in a table of its own."""
    for rows in bench.sizes:
        with told_when_not_served(bench.report.say):
            _tell(bench, rows, interleaved(_entries(bench, rows), bench.rounds))
            _tell_meanwhile(bench, rows)


def _entries(bench: Bench, rows: int) -> list[Entry]:
    return [
        Entry("Gatehouse", lambda: _ours(bench, rows)),
        Entry("fastavro loop", lambda: _loop(bench, rows)),
    ]


def _ours(bench: Bench, rows: int) -> Figures:
    found: Figures = {}
    with bench.ours.fresh(rows) as folder, bench.ours.serving(folder) as served:
        client = Client(served)
        for what, body in (("backups", None), ("restore", {"backup_id": "latest"})):
            with peak_rss(served.pids[0]) as peak:
                answer, seconds = client.post(f"{TABLE}/{what}", body)
                found |= _figures(what, rows, seconds, peak())
            assert answer.get("rows", answer.get("rows_after")) == rows
    return found


def _loop(bench: Bench, rows: int) -> Figures:
    found: Figures = {}
    program = BENCHMARKS / "peers" / "fastavro_loop.py"
    with bench.ours.fresh(rows) as folder:
        for what in ("backups", "restore"):
            files = [folder / "gatehouse.duckdb", folder / "loop.avro"]
            _, peak, printed = timed([executable, program, what, *files])
            answer = json.loads(printed)
            assert answer["rows"] == rows
            found |= _figures(what, rows, answer["seconds"], peak)
    return found


def _figures(what: str, rows: int, seconds: float, peak: float) -> Figures:
    return {
        f"{what}_rows_per_second": rows / seconds,
        f"{what}_seconds": seconds,
        f"{what}_peak_mb": peak,
    }


def _tell(bench: Bench, rows: int, found: dict[str, list[Figures]]) -> None:
    loop = found["fastavro loop"]
    lines: list[list[Cell]] = []
    for what in ("backups", "restore"):
        for name, runs in found.items():
            rate = f"{what}_rows_per_second"
            times = None if runs is loop else spread(ratios(runs, loop, rate))
            cells = [spread(values(runs, f"{what}_{each}")) for each in ("seconds", "peak_mb")]
            label = f"{name}: {what.removesuffix('s')}"
            lines.append([label, spread(values(runs, rate)), *cells, times, times and "≥ 3"])
    note = NOTE.format(rounds=bench.rounds)
    bench.report.table(f"Backup of {in_words(rows)} rows", COLUMNS, lines, found, note)


def _tell_meanwhile(bench: Bench, rows: int) -> None:
    def back_up(client: Client) -> None:
        client.post(f"{TABLE}/backups")

    entries = [Entry("inserts", lambda: meanwhile(bench, rows, back_up, 3))]
    found = interleaved(entries, bench.rounds)
    runs = found["inserts"]
    lines: list[list[Cell]] = [
        [f"{share} {when}", middle(runs, f"{when}_{share}_ms"), None]
        for share in ("p50", "p99")
        for when in ("idle", "during")
    ]
    times = [run["during_p99_ms"] / run["idle_p99_ms"] for run in runs]
    lines.append(["p99 during ÷ idle", spread(times), "≤ 2"])
    title = f"Inserts ({LOAD}) while {in_words(rows)} rows are backed up"
    bench.report.table(title, ("", "ms", "wanted"), lines, found)
