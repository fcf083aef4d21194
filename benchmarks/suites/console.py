"""Pages of the console over a large table: their times and sizes."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx

from benchmarks.bench import Bench, in_words
from benchmarks.contestants.contestant import Served
from benchmarks.processes import cpu_seconds
from benchmarks.report import Cell, percentile

TIMES = 20
SKELETON_MS, FRAGMENT_MS, REPLAY_MS = 200, 2000, 100
HTML_KB = 100
HIRES = "/tables/hired_employees"
RESTORE = f"{HIRES}/restore?backup=latest"
UNDER_WAY = 'id="compared" hx-get='  # what a page says while it is not known what would change
COLUMNS = ("", "first ms", "p50 ms", "p95 ms", "wanted", "CPU ms", "kB", "kB sent")
NOTE = (
    f"Each called once, then {TIMES} times, as a browser does. kB: of HTML; sent: compressed."
    f" What is wanted is p95, but the first time where it is {FRAGMENT_MS}."
    " CPU: of the service, mean."
)
# Name, path, and the milliseconds that it may take.
PAGES = (
    ("Overview", "/", SKELETON_MS),
    ("… its news", "/activity", SKELETON_MS),
    ("Tables", "/tables", SKELETON_MS),
    ("A table", HIRES, SKELETON_MS),
    ("Rows, first page", f"{HIRES}/rows", SKELETON_MS),
    ("Rows, a page in the middle", f"{HIRES}/rows?id=gt.{{middle}}", SKELETON_MS),
    ("Rows of a department", f"{HIRES}/rows?department_id=eq.3", SKELETON_MS),
    ("Rows by time, newest first", f"{HIRES}/rows?order=datetime.desc", SKELETON_MS),
    ("Rows by name (text)", f"{HIRES}/rows?order=name", FRAGMENT_MS),
    ("Rows whose name contains, no hit", f"{HIRES}/rows?name=ilike.*zq*", FRAGMENT_MS),
    ("Counts of all rows", f"{HIRES}/facets", FRAGMENT_MS),
    ("Counts of a department's", f"{HIRES}/facets?department_id=eq.3", FRAGMENT_MS),
    ("Counts, no hit", f"{HIRES}/facets?name=ilike.*zq*", FRAGMENT_MS),
    ("A row", f"{HIRES}/rows/{{middle}}", SKELETON_MS),
    ("A row's history", f"{HIRES}/rows/{{middle}}/history", FRAGMENT_MS),
    ("A department", "/tables/departments/rows/3", SKELETON_MS),
    ("Insert", f"{HIRES}/insert", SKELETON_MS),
    ("Rejections", "/rejections", SKELETON_MS),
    ("Loads", "/loads", SKELETON_MS),
    ("Backups", "/backups", SKELETON_MS),
    ("Restore, difference known", RESTORE, SKELETON_MS),
    ("Builds", "/builds", SKELETON_MS),
    ("Reports", "/reports/", SKELETON_MS),
    ("Hires by quarter", "/reports/hires_by_quarter?year=2021", FRAGMENT_MS),
    ("Departments above the mean", "/reports/departments_above_mean?year=2021", FRAGMENT_MS),
    ("Dictionary", "/dictionary/", SKELETON_MS),
    ("API", "/schema", SKELETON_MS),
    ("Audit", "/audit", SKELETON_MS),
    ("Trail", "/trail", SKELETON_MS),
    ("Keys", "/keys", SKELETON_MS),
)


@dataclass(frozen=True)
class Visit:
    """One answer: its seconds, and its bytes plain and as they were sent."""

    seconds: float
    plain: int
    sent: int


class Visitor:
    """A browser's requests, without the browser."""

    def __init__(self, served: Served) -> None:
        base = f"http://127.0.0.1:{served.target.port}"
        headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
        self._client = httpx.Client(base_url=base, headers=headers, timeout=600)

    def visit(self, path: str) -> Visit:
        """Raises httpx.HTTPStatusError for an answer that is no page."""
        began = time.perf_counter()
        answer = self._client.get(path)
        seconds = time.perf_counter() - began
        answer.raise_for_status()
        return Visit(seconds, len(answer.content), answer.num_bytes_downloaded)

    def text(self, path: str) -> str:
        """What is at a path."""
        return self._client.get(path).text

    def post(self, path: str, body: Any = None) -> None:
        """POST of JSON to the API."""
        self._client.post(path, json=body, headers={"Accept": "application/json"})

    def statics(self) -> int:
        """Bytes sent of all that the pages load besides, the first time."""
        page = self.text(f"{HIRES}/rows")
        names = {part.split('"')[0] for part in page.split('="/static/')[1:]}
        return sum(self.visit(f"/static/{name}").sent for name in names)


def run(bench: Bench) -> None:
    """One service, one table: each page in turn."""
    large = bench.large
    found: dict[str, list[Visit]] = {}
    with bench.ours.fresh(large) as folder, bench.ours.serving(folder) as served:
        visitor = Visitor(served)
        _prepare(visitor)
        compared = _compared(visitor)
        used: dict[str, float] = {}
        for name, path, _ in PAGES:
            asked = path.format(middle=large // 2)
            before = cpu_seconds(served.pids)
            found[name] = [visitor.visit(asked) for _ in range(TIMES + 1)]
            used[name] = (cpu_seconds(served.pids) - before) / (TIMES + 1)
        statics = visitor.statics()
    lines = [_line(name, found[name], wanted, used[name]) for name, _, wanted in PAGES]
    figures = {name: list(map(vars, visits)) for name, visits in found.items()}
    bench.report.table(f"Pages at {in_words(large)} rows", COLUMNS, lines, figures, NOTE)
    bench.report.say(
        f"Scripts and styles: {statics / 1000:.0f} kB sent, once. To compare a backup of"
        f" {in_words(large)} rows with its table took {compared:.1f} s."
    )


def _line(name: str, visits: list[Visit], wanted: float, cpu: float) -> list[Cell]:
    first, *others = visits
    times = [each.seconds * 1000 for each in others]
    slow = percentile(times, 0.95)
    judged = first.seconds * 1000 if wanted == FRAGMENT_MS else slow
    mark = "✓" if judged <= wanted and first.plain <= HTML_KB * 1000 else "✗"
    sizes = [first.plain / 1000, first.sent / 1000]
    return [
        name,
        first.seconds * 1000,
        median(times),
        slow,
        f"≤ {wanted} {mark}",
        cpu * 1000,
        *sizes,
    ]


def _prepare(visitor: Visitor) -> None:
    """Some rejections to look at, a backup, and something that is not in it."""
    bad = [{"id": 1, "name": "A", "department_id": number} for number in range(1000)]
    for _ in range(3):
        visitor.post("/v1/tables/hired_employees/rows", bad)
    visitor.post("/v1/backups")
    new = {"name": "A", "datetime": "2021-01-01T00:00:00Z", "department_id": 1, "job_id": 1}
    rows = [{"id": 2_000_000_000 + number, **new} for number in range(500)]
    visitor.post("/v1/tables/hired_employees/rows", rows)


def _compared(visitor: Visitor) -> float:
    """Seconds until the page of a restore has its difference; it is found once for all visits."""
    began = time.perf_counter()
    while UNDER_WAY in visitor.text(RESTORE):
        time.sleep(0.2)
    return time.perf_counter() - began
