"""Inserts that go on while something else happens: their latencies before it and during it."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.bench import Bench
from benchmarks.client import Client
from benchmarks.loading import Load
from benchmarks.report import percentile
from benchmarks.rounds import Figures

LOAD = Load(8, 1000)
Window = tuple[float, float]


def meanwhile(bench: Bench, there: int, action: Callable[[Client], Any], times: int) -> Figures:
    """p99 in ms of inserts while nothing else happens, and while `action` runs, so many times.

    Raises:
        Failed: an insert did not get the answer that it should.
    """
    with bench.ours.fresh(there) as folder, bench.ours.serving(folder) as served:
        client = Client(served)
        sending = bench.generator.start(LOAD, served.target, bench.folder / "requests")
        try:
            time.sleep(bench.warm_up)
            idle = _window(lambda: time.sleep(2 * bench.seconds))
            windows = [_window(lambda: action(client)) for _ in range(times)]
        finally:
            result, requests = sending.stop()
    return {
        "idle_p50_ms": _percentile(requests, [idle], 0.5),
        "idle_p99_ms": _percentile(requests, [idle], 0.99),
        "during_p50_ms": _percentile(requests, windows, 0.5),
        "during_p99_ms": _percentile(requests, windows, 0.99),
        "during_max_ms": _percentile(requests, windows, 1),
        "seconds": [ended - began for began, ended in windows],
        "rows_per_second": result["rows_per_second"],
        "requests": result["requests"],
    }


def _window(action: Callable[[], Any]) -> Window:
    began = time.monotonic()
    action()
    return began, time.monotonic()


def _percentile(requests: list[Window], windows: list[Window], share: float) -> float:
    """Of the requests that were under way in one of the windows."""
    found = [
        (answered - sent) * 1000
        for sent, answered in requests
        if any(sent < ended and answered > began for began, ended in windows)
    ]
    return percentile(found, share)
