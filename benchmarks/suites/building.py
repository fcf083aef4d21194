"""Inserts while dbt builds inside the service."""

import time

from benchmarks.bench import Bench
from benchmarks.client import Client, told_when_not_served
from benchmarks.meanwhile import LOAD, meanwhile
from benchmarks.processes import Failed
from benchmarks.report import Cell, spread

BUILDS = 20
NOTE = (
    "The first build imports dbt and parses the project. No insert failed, no build failed: the"
    " run would have ended here."
)


def run(bench: Bench) -> None:
    """20 builds one after the other, from the same service."""
    with told_when_not_served(bench.report.say):
        found = meanwhile(bench, 1, _build, BUILDS)
        lines: list[list[Cell]] = [
            [f"{share} {when}, ms", found[f"{when}_{share}_ms"], None]
            for share in ("p50", "p99")
            for when in ("idle", "during")
        ]
        lines.append(["longest during, ms", found["during_max_ms"], None])
        times = found["during_p99_ms"] / found["idle_p99_ms"]
        lines.append(["p99 during ÷ idle", times, "≤ 5"])
        lines.append(["first build, s", found["seconds"][0], None])
        lines.append(["other builds, s", spread(found["seconds"][1:]), None])
        title = f"Inserts ({LOAD}) during {BUILDS} builds"
        bench.report.table(title, ("", "", "wanted"), lines, found, NOTE)


def _build(client: Client) -> None:
    """Asks for a build and waits for its end.

    Raises:
        Failed: the build failed.
    """
    path = f"/v1/builds/{client.post('/v1/builds')[0]['build_id']}"
    while (build := client.get(path)[0])["status"] in ("queued", "running"):
        time.sleep(0.1)
    if build["status"] != "done":
        raise Failed(f"a build failed: {build}")
