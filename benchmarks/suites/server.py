"""What it costs to hold connections against those who mean harm: ours beside uvicorn's own."""

from benchmarks.bench import Bench
from benchmarks.contestants import Contestant
from benchmarks.contestants.gatehouse import UvicornAlone
from benchmarks.loading import Load
from benchmarks.report import Cell, spread
from benchmarks.rounds import Entry, Figures, interleaved, middle, ratios, values
from benchmarks.suites.insert import measure

LOADS = (Load(1, 1), Load(8, 1), Load(32, 1), Load(8, 1000))
COLUMNS = ("", "requests/s", "CPU ms a request", "p50 ms", "p99 ms", "ours ÷", "CPU ours ÷")


def run(bench: Bench) -> None:
    """Each load in a table of its own, the same service by both."""
    for load in bench.loads or LOADS:
        both = [bench.ours, UvicornAlone(bench.folder)]
        entries = [_entry(bench, each, load) for each in both]
        found = interleaved(entries, bench.rounds)
        first = found[entries[0].name]
        rows = [_line(entry.name, first, found[entry.name]) for entry in entries]
        bench.report.table(f"Server: {load}", COLUMNS, rows, found)


def _entry(bench: Bench, contestant: Contestant, load: Load) -> Entry:
    return Entry(contestant.title, lambda: _measured(bench, contestant, load))


def _measured(bench: Bench, contestant: Contestant, load: Load) -> Figures:
    found = measure(bench, contestant, load, 1)
    seconds = bench.warm_up + bench.seconds
    return found | {"cpu_ms": found["cpu_cores"] * seconds / found["requests"] * 1000}


def _line(name: str, first: list[Figures], runs: list[Figures]) -> list[Cell]:
    others = [middle(runs, figure) for figure in ("p50_ms", "p99_ms")]
    line: list[Cell] = [name, spread(values(runs, "requests_per_second"))]
    line += [spread(values(runs, "cpu_ms")), *others]
    if runs is first:
        return [*line, None, None]
    return [*line, *(spread(ratios(first, runs, n)) for n in ("requests_per_second", "cpu_ms"))]
