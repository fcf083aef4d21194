"""Pages of rows, the first and the deep ones, and both reports, over a large table."""

from typing import Any

from benchmarks.bench import Bench, in_words
from benchmarks.client import Client, told_when_not_served
from benchmarks.report import Cell, percentile

ROWS = "/v1/tables/hired_employees/rows"
REPORTS = ("hires_by_quarter", "departments_above_mean")
TIMES = 20
COLUMNS = ("", "p50 ms", "max ms", "wanted")
NOTE = (
    f"Each called {TIMES} times after 3 that do not count; by HTTP, decoding the JSON not"
    " included. Deep: the pages in the last tenth of the table."
)


def run(bench: Bench) -> None:
    """One service, one table; pages and reports in turn."""
    found: dict[str, list[float]] = {}
    ours, large = bench.ours, bench.large
    with ours.fresh(large) as folder, ours.serving(folder) as served:
        client = Client(served)
        for report in REPORTS:
            with told_when_not_served(bench.report.say):
                found[f"report {report}"] = _timed(client, f"/v1/reports/{report}", year=2021)
        with told_when_not_served(bench.report.say):
            found |= _pages(client, large)
    lines: list[list[Cell]] = []
    for name, times in found.items():
        limits = [percentile(times, share) * 1000 for share in (0.5, 1)]
        lines.append([name, *limits, "< 150" if name.startswith("report") else None])
    if lines:
        title = f"Reading at {in_words(large)} rows"
        bench.report.table(title, COLUMNS, lines, found, NOTE)


def _pages(client: Client, rows: int) -> dict[str, list[float]]:
    """The first and a deep page, small and large, in turns."""
    deep = _cursor(client, rows * 9 // 10)
    found: dict[str, list[float]] = {}
    for limit in (100, 10_000):
        first = _timed(client, ROWS, limit=limit)
        found[f"first page of {limit:,} rows"] = first
        found[f"deep page of {limit:,} rows"] = _timed(client, ROWS, limit=limit, after=deep)
    return found


def _cursor(client: Client, place: int) -> str:
    """Goes through the pages until `place`."""
    after: str | None = None
    for _ in range(0, max(place, 1), 10_000):
        query: dict[str, Any] = {"after": after} if after else {}
        after = client.get(ROWS, limit=10_000, **query)[0]["next"] or after
    return after or ""


def _timed(client: Client, path: str, **query: Any) -> list[float]:
    return [client.get(path, **query)[1] for _ in range(TIMES + 3)][3:]
