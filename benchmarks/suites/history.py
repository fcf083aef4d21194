"""The whole `gatehouse build` of a long, dirty history, beside a bare load of the same file."""

import json
from pathlib import Path
from sys import executable

from benchmarks.bench import Bench, in_words
from benchmarks.contestants.contestant import BENCHMARKS
from benchmarks.contestants.gatehouse import build, open_warehouse
from benchmarks.histories import write_history
from benchmarks.processes import Failed, timed
from benchmarks.report import spread
from benchmarks.rounds import Entry, Figures, interleaved, values

COLUMNS = ("", "s", "peak MB", "wanted")
NOTE = (
    "Seconds of the whole command, start of Python included. Fixed: the same build where"
    " raw_hired_employees.csv is empty. Bare: `create table as` of typed columns from the same"
    " file in DuckDB alone, faulty lines skipped. All as median (least–most) of {rounds} rounds."
)


def run(bench: Bench) -> None:
    """Each size in a table of its own."""
    for hires in bench.sizes:
        folder = bench.folder / f"history-{hires}"
        for name, rows in (("filled", hires), ("empty", 0)):
            if not (folder / name).exists():
                write_history(folder / name, rows)
        _built(folder, "empty")  # dbt parses the project for the first time
        _tell(bench, hires, interleaved(_entries(folder, hires), bench.rounds))


def _entries(folder: Path, hires: int) -> list[Entry]:
    return [
        Entry("bare", lambda: _bare(folder / "filled" / "raw_hired_employees.csv")),
        Entry("fixed", lambda: _built(folder, "empty")),
        Entry("build", lambda: _checked(folder, hires)),
        Entry("second build", lambda: _built(folder, "filled", again=True)),
    ]


def _bare(file: Path) -> Figures:
    program = BENCHMARKS / "peers" / "bare_load.py"
    _, peak, printed = timed([executable, program, file])
    return {"seconds": json.loads(printed)["seconds"], "peak_mb": peak}


def _built(folder: Path, history: str, again: bool = False) -> Figures:
    """Builds a history, in a new warehouse or once more in the last one."""
    place = folder / "built"
    place.mkdir(exist_ok=True)
    if not again:
        for file in place.glob("gatehouse.duckdb*"):
            file.unlink()
    (place / "seeds").unlink(missing_ok=True)
    (place / "seeds").symlink_to(folder / history)
    seconds, peak = build(place)
    return {"seconds": seconds, "peak_mb": peak}


def _checked(folder: Path, hires: int) -> Figures:
    """A first build, with what its load counted."""
    found = _built(folder, "filled")
    with open_warehouse(folder / "built") as connection:
        received, accepted, kept = connection.sql(
            "select received, accepted, (select count(*) from core.hired_employees)"
            " from ops.loads where table_name = 'hired_employees'"
        ).fetchall()[0]
    if received != hires or accepted != kept or not 0.94 < accepted / hires < 0.96:
        raise Failed(f"of {hires} rows {received} were received, {accepted} accepted, {kept} kept")
    return found | {"accepted": accepted}


def _tell(bench: Bench, hires: int, found: dict[str, list[Figures]]) -> None:
    by_round = zip(*(values(found[name], "seconds") for name in found), strict=True)
    times = [(built - fixed) / bare for bare, fixed, built, _ in by_round]
    again = [
        second / fixed
        for second, fixed in zip(
            values(found["second build"], "seconds"), values(found["fixed"], "seconds"), strict=True
        )
    ]
    rows = [
        [name, spread(values(runs, "seconds")), spread(values(runs, "peak_mb")), None]
        for name, runs in found.items()
    ]
    wanted = "≤ 4" if hires <= 1_000_000 else None  # of more: that time grows no faster than rows
    rows.append(["(build − fixed) ÷ bare", spread(times), None, wanted])
    rows.append(["second build ÷ fixed", spread(again), None, "≤ 1.5"])
    note = NOTE.format(rounds=bench.rounds)
    bench.report.table(f"History of {in_words(hires)} rows", COLUMNS, rows, found, note)
