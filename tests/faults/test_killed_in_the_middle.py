"""Ended at random moments, while everything goes on at once: nothing answered is lost.

By kill -9, and by SIGTERM, which has to end it in order and in time.

GATEHOUSE_FAULTS_SEED repeats a run that failed, GATEHOUSE_FAULTS_ROUNDS says how long one is
(`make soak`: 1,000). Both are taken out of the environment: they are no settings.

Each warehouse has so many rounds, then the next begins with a new one: to look at all that there
is takes the longer the more there is. What was done is told at the end of each part.
"""

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from service.runtime.settings import Settings
from tests.support.killing import work_until_ended
from tests.support.processes import Service, kill_while_it_starts
from tests.support.services import copied
from tests.support.workers import (
    FIRST,
    LAST,
    Builder,
    Inserter,
    Keeper,
    Loader,
    Restorer,
    Worker,
    ids_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]
SEED = int(os.environ.pop("GATEHOUSE_FAULTS_SEED", "") or int.from_bytes(os.urandom(4)))
ROUNDS = int(os.environ.pop("GATEHOUSE_FAULTS_ROUNDS", "") or 6)
IN_TIME = {"GATEHOUSE_SHUTDOWN_SECONDS": "5"}
PARTS = 2  # in which the rounds are done, so that several processes may share them
LONGEST = 3.0  # seconds until the kill, in a few rounds
LONGEST_OF_MANY = 1.5  # and in many, which see as much
MANY = 50
OF_A_WAREHOUSE = 20  # rounds
CHECKED = 3  # rounds, after which all is looked at; until then each has only settled what was open
IN_ORDER = 6  # rounds, after which the service, whole again, is ended in order
# Parts of files small enough that a kill falls between, before and behind them.
PROGRAM = """
from service.doors import files
from service.dbt import landing
from service.formats.csv import opening
from service.formats.csv import reader
landing.PART = files.PART = 400
opening.BLOCK = reader.BLOCK = 16_384
from service.cli import main
main()
"""


def _workers() -> list[Worker]:
    return [
        Inserter(FIRST),
        Inserter(2 * FIRST),
        Loader(3 * FIRST),
        Builder(),
        Keeper(),
        Restorer(4 * FIRST),
    ]


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_that_was_answered_is_lost_and_nothing_is_there_twice(
    built: Settings, tmp_path: Path, part: int
) -> None:
    _all_rounds(built, tmp_path, -(-ROUNDS // PARTS), signal.SIGKILL, part)


def test_told_to_end_it_answers_what_is_under_way_and_ends_in_time(
    built: Settings, tmp_path: Path
) -> None:
    _all_rounds(built, tmp_path, max(1, ROUNDS // 20), signal.SIGTERM, PARTS)


def _all_rounds(
    built: Settings, folder: Path, rounds: int, sent: signal.Signals, part: int
) -> None:
    moments = _moments(Random(f"{SEED} {part}"), rounds)
    print(f"GATEHOUSE_FAULTS_SEED={SEED}")
    begun, told = time.monotonic(), Counter[str]()
    for first in range(0, rounds, OF_A_WAREHOUSE):
        place = folder / str(first)
        place.mkdir()
        settings = copied(built, place)
        told += _rounds(settings, moments[first : first + OF_A_WAREHOUSE], sent, first)
        shutil.rmtree(place)
        _tell(part, sent, told, time.monotonic() - begun)


def _tell(part: int, sent: signal.Signals, told: Counter[str], seconds: float) -> None:
    counts = ", ".join(f"{number:,} {what}" for what, number in told.items())
    print(f"part {part}: {counts}; {sent.name}, {seconds:,.0f} s", flush=True)


def _rounds(
    settings: Settings, moments: list[float], sent: signal.Signals, first: int
) -> Counter[str]:
    """Its rounds; how often the service was ended, and the rows that were answered and found."""
    workers = _workers()
    service = Service(settings, PROGRAM, IN_TIME)
    try:
        for number, seconds in enumerate(moments):
            if number and number % IN_ORDER == 0:
                _end_in_order(settings, service)
                service = Service(settings, PROGRAM, IN_TIME)
            code = work_until_ended(service, workers, seconds, sent)
            assert code == (-signal.SIGKILL if sent == signal.SIGKILL else 0)
            if number % CHECKED == 0:  # once more, before it has found out what was left behind
                kill_while_it_starts(settings, PROGRAM, IN_TIME, seconds)
            service = Service(settings, PROGRAM, IN_TIME)
            if (number + 1) % CHECKED == 0 or number + 1 == len(moments):
                _check(service, workers)
        found = _found(service)
        _end_in_order(settings, service)
    except BaseException as error:
        error.add_note(f"round {first + number}, GATEHOUSE_FAULTS_SEED={SEED}")
        raise
    finally:
        service.kill()
    acknowledged = sum(worker.acknowledged for worker in workers)
    return Counter({"ended": len(moments), "rows acknowledged": acknowledged, "rows found": found})


def _found(service: Service) -> int:
    """The rows of the workers, among all."""
    tables = ("departments", "jobs", "hired_employees")
    return sum(len(ids_of(service.client.get, table, FIRST, LAST)) for table in tables)


def _moments(chance: Random, rounds: int) -> list[float]:
    """When to kill: once in each of so many stretches of the time, in any order."""
    longest = LONGEST if rounds < MANY else LONGEST_OF_MANY
    moments = [(number + chance.random()) * longest / rounds for number in range(rounds)]
    chance.shuffle(moments)
    return moments


def _check(service: Service, workers: list[Worker]) -> None:
    for worker in workers:
        worker.check(service.client)
    audit = service.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]
    sets = next(worker.sets for worker in workers if isinstance(worker, Keeper))
    if sets:  # what the newest one would change is worked out by reading all of it
        asked = {"set_id": [*sets][-1], "dry_run": True}
        planned = service.client.post("/v1/restore", json=asked)
        assert planned.status_code in (200, 409), planned.text  # 409: rows refer to newer ones


def _end_in_order(settings: Settings, service: Service) -> None:
    """Ends the service, and sees that nothing is left behind."""
    assert service.stop() == 0
    folder = settings.warehouse.parent
    names = {path.name for path in folder.iterdir()} - {"seeds", "backups", "gatehouse.dbt"}
    assert names <= {"gatehouse.duckdb", "gatehouse.duckdb.journal", "gatehouse.duckdb.files"}
    assert _files(settings.spool) == []
    assert {path.suffix for path in _files(settings.backups.path)} <= {".avro", ".json"}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
