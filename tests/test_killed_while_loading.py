"""A service that is killed while it loads a file: the next one goes on, and no line is lost."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from service.runtime.settings import Settings
from tests.support.processes import Service
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(10**6))))
ROUNDS = 5
ROWS = 60_000
# Parts small enough that a kill falls between, before and behind them.
PROGRAM = """
import sys
from service.doors import files
from service.dbt import landing
from service.formats.csv import opening
from service.formats.csv import reader
landing.PART = files.PART = 20_000
opening.BLOCK = reader.BLOCK = 65_536
from service.cli import main
main()
"""


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Service]]:
    with ExitStack() as stack:

        def begin() -> Service:
            service = Service(settings, PROGRAM)
            stack.callback(service.kill)
            return service

        yield begin


def a_file() -> str:
    """Every fiftieth line lacks its job, every hundredth is there twice."""
    lines = ["id,name,datetime,department_id,job_id"]
    for i in range(1, ROWS + 1):
        line = f"{100_000 + i},Ada Byron,2021-06-14T09:30:00Z,1,{'' if i % 50 == 0 else 1}"
        lines += [line, line] if i % 100 == 1 else [line]
    return "\n".join(lines) + "\n"


def test_no_line_is_lost_and_none_goes_in_twice(
    start: Callable[[], Service], settings: Settings
) -> None:
    print(f"KILL_SEED={SEED}")
    random_ = random.Random(SEED)
    service = start()
    before = _rows(service)
    taken = service.client.post(
        "/v1/tables/hired_employees/files?filename=long.csv",
        content=a_file(),
        headers={"Content-Type": "text/csv"},
    ).json()
    for _ in range(ROUNDS):
        until = time.monotonic() + random_.uniform(0, 3)
        while time.monotonic() < until:
            _balanced(service.client.get(taken["href"]).json())
            PAUSE(0.02)
        service.kill()
        service = start()
    load = service.client.get(taken["href"]).json()
    while load["status"] == "running":
        PAUSE(0.02)
        load = _balanced(service.client.get(taken["href"]).json())
    assert (load["status"], load["detail"]) == ("done", None)
    assert load["received"] == ROWS + ROWS // 100
    assert (load["rejected"], load["already_present"]) == (ROWS // 50, ROWS // 100)
    assert _rows(service) == before + load["accepted"]
    assert not list(settings.spool.iterdir())


def _balanced(load: dict[str, Any]) -> dict[str, Any]:
    assert load["received"] == load["accepted"] + load["rejected"] + load["already_present"]
    return load


def _rows(service: Service) -> int:
    return int(service.client.get("/v1/tables/hired_employees").json()["rows"])
