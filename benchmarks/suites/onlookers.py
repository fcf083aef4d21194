"""Inserts while people look on: ten consoles ask for what is new, in turn with none."""

import threading
import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median

from benchmarks.bench import Bench, in_words
from benchmarks.contestants.contestant import Served
from benchmarks.loading import Load
from benchmarks.processes import cpu_seconds
from benchmarks.report import Cell, spread
from benchmarks.rounds import Figures, ratios, values
from benchmarks.suites.console import Visitor

CONSOLES, POLL_SECONDS, SHARE = 10, 2.0, 0.95
COLUMNS = ("", "rows/s", "share", "wanted", "CPU µs a row")


def run(bench: Bench) -> None:
    """Inserts into one service, without a pause; in turn nobody looks on, and consoles do.

    Windows stand beside each other, so that what else the machine does, and that the table grows,
    is the same for both.
    """
    load = Load(8, 1000)
    with bench.ours.fresh(bench.large) as folder, bench.ours.serving(folder) as served:
        visitors = [Visitor(served) for _ in range(CONSOLES)]  # to make one takes long
        sending = bench.generator.start(load, served.target, bench.folder / "requests")
        try:
            time.sleep(bench.warm_up)
            pairs = [
                _pair(bench, served, visitors, number % 2 == 0) for number in range(bench.rounds)
            ]
        finally:
            _, requests = sending.stop()
    answered = sorted(at for _, at in requests)
    alone, beside = (
        [window.figures(answered, load.rows) for window in windows]
        for windows in zip(*pairs, strict=True)
    )
    _tell(bench, load, {"nobody looks on": alone, f"{CONSOLES} consoles": beside})


@dataclass(frozen=True)
class Window:
    """Some seconds of inserting, and the CPU that the service took."""

    began: float
    ended: float
    cpu: float

    def figures(self, answered: list[float], rows: int) -> Figures:
        """Rates, by when requests were answered (of a monotonic clock, in order)."""
        count = bisect(answered, self.ended) - bisect(answered, self.began)
        return {
            "rows_per_second": count * rows / (self.ended - self.began),
            "cpu_us": self.cpu / max(1, count * rows) * 1e6,
        }


def _pair(
    bench: Bench, served: Served, visitors: list[Visitor], looks_first: bool
) -> tuple[Window, Window]:
    """A window in which nobody looks on, and one beside consoles, in that order or the other."""

    def window(looked_on: bool) -> Window:
        with _looking_on(visitors) if looked_on else nullcontext():
            began, used = time.monotonic(), cpu_seconds(served.pids)
            time.sleep(bench.seconds)
            return Window(began, time.monotonic(), cpu_seconds(served.pids) - used)

    first, second = window(looks_first), window(not looks_first)
    return (second, first) if looks_first else (first, second)


def _tell(bench: Bench, load: Load, found: dict[str, list[Figures]]) -> None:
    (alone, without), (beside, looked_on) = found.items()
    rates = [values(each, "rows_per_second") for each in (without, looked_on)]
    share = ratios(looked_on, without, "rows_per_second")
    used = [values(each, "cpu_us") for each in (without, looked_on)]
    wanted = f"≥ {SHARE} {'✓' if median(share) >= SHARE else '✗'}"
    lines: list[list[Cell]] = [
        [alone, spread(rates[0]), "", "", spread(used[0])],
        [beside, spread(rates[1]), spread(share), wanted, spread(used[1])],
    ]
    note = (
        f"{load}, into one service, in {len(without)} pairs of windows of {bench.seconds:g} s; each"
        f" console asks for the news of the overview every {POLL_SECONDS:g} s. CPU: of the service."
    )
    title = f"Inserting into {in_words(bench.large)} rows while consoles are open"
    bench.report.table(title, COLUMNS, lines, found, note)


@contextmanager
def _looking_on(visitors: list[Visitor]) -> Iterator[None]:
    over = threading.Event()

    def poll(number: int, visitor: Visitor) -> None:
        over.wait(POLL_SECONDS * number / CONSOLES)
        while not over.is_set():
            visitor.visit("/activity")
            over.wait(POLL_SECONDS)

    threads = [threading.Thread(target=poll, args=each) for each in enumerate(visitors)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
