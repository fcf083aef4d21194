"""Rows by HTTP: ours beside its peers and limits, in batches and over connections of all sizes."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from benchmarks.bench import Bench, in_words
from benchmarks.contestants import Contestant
from benchmarks.contestants.limits import duckdb_from_arrow
from benchmarks.loading import Load
from benchmarks.processes import Failed, cpu_seconds
from benchmarks.report import Cell, spread
from benchmarks.rounds import Entry, Figures, interleaved, middle, ratios, values

MOST_CONNECTIONS, MOST_ROWS = (1, 8, 32), (1, 10, 100, 1000)
DEFAULT_LOADS = (Load(8, 1000), Load(32, 1000), Load(1, 1000), Load(32, 1))
WITH_VARIANTS = DEFAULT_LOADS[0]

# What is wanted of ours ÷ theirs, by batch and connections.
SQLALCHEMY = {"sqlalchemy": 15, "sqlalchemy-psycopg": 15}
FLOORS: dict[tuple[int, int], dict[str, float]] = {
    (1000, 8): {"asyncpg": 4, **SQLALCHEMY, "datasette": 4, "decode-only": 0.25},
    (1000, 32): {"asyncpg": 4, **SQLALCHEMY, "datasette": 4, "decode-only": 0.25},
    (1000, 1): {"asyncpg": 1, "sqlalchemy": 1, "sqlalchemy-psycopg": 1, "datasette": 1},
    (1, 32): {"asyncpg": 1},
}
COLUMNS = ("", "rows/s", "requests/s", "p50 ms", "p99 ms", "max ms", "CPU", "generator")
MEDIANS = ("requests_per_second", "p50_ms", "p99_ms", "max_ms", "cpu_cores", "cpu_share")
NOTE = (
    "In each table: medians (least–most) of {rounds} rounds of {seconds:g} s. CPU: cores that the"
    " service used; generator: share of one core that the load generator used. ours ÷: rows/s of"
    " the first line divided by this line's, round by round, with what is wanted of the median."
)


def run(bench: Bench) -> None:
    """Each load in a table of its own."""
    bench.report.say(NOTE.format(rounds=bench.rounds, seconds=bench.seconds))
    everything = [Load(c, rows) for rows in MOST_ROWS for c in MOST_CONNECTIONS]
    for load in bench.loads or (everything if bench.full else DEFAULT_LOADS):
        entries = list(_entries(bench, load))
        _tell(bench, load, entries, interleaved(entries, bench.rounds))


def _entries(bench: Bench, load: Load) -> Iterator[Entry]:
    floors = FLOORS.get((load.rows, load.connections), {})
    first, *others = bench.contestants.values()
    yield _served(bench, first, load)
    if bench.full or load == WITH_VARIANTS:
        yield from _variants(bench, first, load)
    for other in others:
        yield _served(bench, other, load, at_least=floors.get(other.name))
    if bench.full:
        for other in others:
            if other.is_peer:
                yield _served(bench, other, load, bench.large)
    if load == WITH_VARIANTS and len(others) > 0:
        for rows in (1000, 20_000):
            yield _duckdb(bench, rows)


def _variants(bench: Bench, ours: Contestant, load: Load) -> Iterator[Entry]:
    """Ours with bad rows, and with many rows there already."""
    floors = load == WITH_VARIANTS
    for bad in (1, 50):
        wanted = 1.25 if floors and bad == 1 else None
        yield _served(bench, ours, replace(load, bad=bad), at_most=wanted)
    yield _served(bench, ours, load, bench.large, at_most=1.25 if floors else None)


def _served(
    bench: Bench,
    contestant: Contestant,
    load: Load,
    there: int = 1,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Entry:
    name = contestant.title
    name += f", {load.bad} % bad rows" if load.bad else ""
    name += f", {in_words(there)} rows there" if there > 1 else ""
    return Entry(name, lambda: measure(bench, contestant, load, there), at_least, at_most)


def _duckdb(bench: Bench, rows: int) -> Entry:
    return Entry(
        f"limit: DuckDB from Arrow, PK, {in_words(rows)} rows a transaction",
        lambda: duckdb_from_arrow(bench.folder, rows, bench.seconds),
    )


def measure(bench: Bench, contestant: Contestant, load: Load, there: int) -> Figures:
    """One load on fresh data.

    Raises:
        Failed: an answer was not the expected one, or a row that was answered is not there.
    """
    with contestant.fresh(there) as folder:
        with contestant.serving(folder) as served:
            used = cpu_seconds(served.pids)
            found = bench.generator.run(load, served.target, bench.warm_up, bench.seconds)
            used = cpu_seconds(served.pids) - used
        found["cpu_cores"] = used / (bench.warm_up + bench.seconds)
        kept = contestant.count(folder)
    if not found["rows_per_second"]:
        raise Failed(f"{contestant.title} answered nothing in time; give it more --seconds")
    if kept is not None and kept != there + found["accepted"]:
        raise Failed(f"{contestant.title}: {kept} rows, not {there + found['accepted']}")
    return found


def _tell(bench: Bench, load: Load, entries: list[Entry], found: dict[str, list[Figures]]) -> None:
    first = found[entries[0].name]
    rows = [_line(entry, first, found[entry.name]) for entry in entries]
    columns = [*COLUMNS, "ours ÷", "wanted"]
    bench.report.table(str(load), columns, rows, found, _note(bench, load, found))


def _line(entry: Entry, first: list[Figures], runs: list[Figures]) -> list[Cell]:
    rate = spread(values(runs, "rows_per_second"))
    others = [middle(runs, name) for name in MEDIANS]
    if runs is first:
        return [entry.name, rate, *others, None, None]
    found = ratios(first, runs, "rows_per_second")
    return [entry.name, rate, *others, spread(found), entry.judged(median(found))]


def _note(bench: Bench, load: Load, found: dict[str, list[Figures]]) -> str:
    peers = {each.title for each in bench.contestants.values() if each.is_peer}
    p50 = [middle(runs, "p50_ms") or 0 for name, runs in found.items() if name in peers]
    if load == WITH_VARIANTS and p50:
        ours = middle(found[bench.ours.title], "p99_ms") or 0
        verdict = "✓" if ours < min(p50) else "✗"
        return f"Our p99 below the best peer's p50: {ours:.1f} < {min(p50):.1f} ms {verdict}"
    return ""
