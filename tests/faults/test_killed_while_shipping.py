"""Killed at random moments while rows come in, are shipped, and backups are copied.

Each sequence is in the lake once; each backup is in its second place, and is whole there.

GATEHOUSE_LAKE_FAULTS_ROUNDS says how often (4). It is taken out of the environment: it is no
setting.
"""

import os
import signal
from pathlib import Path
from random import Random

import msgspec
import pytest

from service.backups.catalogue import Catalogue
from service.backups.verifying import verify
from service.runtime.locations import Location
from service.runtime.settings import Settings
from service.stores.kinds import open_store
from tests.support import chance, world
from tests.support.killing import work_until_ended
from tests.support.lakes import read_lake
from tests.support.processes import Service
from tests.support.services import copied
from tests.support.stores import Place
from tests.support.workers import FIRST, Builder, Inserter, Keeper, Loader, Restorer, Worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]
ROUNDS = int(os.environ.pop("GATEHOUSE_LAKE_FAULTS_ROUNDS", "") or 4)
LONGEST = 3.0  # seconds until the kill


def test_killed_while_it_ships_and_copies_each_is_there_once_and_whole(
    built: Settings, tmp_path: Path
) -> None:
    settings = copied(built, tmp_path)
    place = Place(Location(tmp_path / "lake"))
    second = Location(tmp_path / "second")
    more = {
        "GATEHOUSE_BACKUPS_COPY": str(second),
        "GATEHOUSE_LAKE": str(place.location),
        "GATEHOUSE_LAKE_SEGMENT_SECONDS": "1",
        "GATEHOUSE_LAKE_SEGMENT_BYTES": "5000",
    }
    workers: list[Worker] = [
        *(Inserter(FIRST), Inserter(2 * FIRST)),
        *(Loader(3 * FIRST), Builder(), Keeper(), Restorer(4 * FIRST)),
    ]
    random = Random(f"{chance.SEED} lake")
    service = Service(settings, more=more)
    try:
        for _ in range(ROUNDS):
            work_until_ended(service, workers, random.random() * LONGEST, signal.SIGKILL)
            service = Service(settings, more=more)
            for worker in workers:
                worker.check(service.client)
        shipped = service.client.post("/v1/lake/ship", timeout=120).json()
        found = service.client.post("/v1/lake/verify", timeout=120).json()
        assert found["ok"], found["problems"]
        lake = read_lake(place.open())
        assert lake.last >= shipped["shipped"]
        assert sum(segment["snapshot"] for segment in lake.segments) == 1
        for table in ("departments", "jobs", "hired_employees"):
            answer = service.client.get(f"/v1/tables/{table}/rows.ndjson")
            rows = [msgspec.json.decode(line) for line in answer.content.splitlines()]
            assert len(rows) == len(lake.state(table))
        assert service.stop() == 0  # has copied what it was woken for
        check_copies(settings.backups, second)
        print(f"{ROUNDS} kills: {lake.last:,} sequences in {len(lake.segments):,} segments")
    finally:
        service.kill()


def check_copies(first: Location, second: Location) -> None:
    """The backups of both places are the same, and each copy is whole."""
    here, there = (Catalogue(open_store(place)) for place in (first, second))
    tables = {each.name: each for each in (world.DEPARTMENTS, world.JOBS, world.HIRED)}
    copies = there.list()
    assert {each.backup_id for each in copies} == {each.backup_id for each in here.list()}
    for each in copies:
        assert verify(each, tables[each.table], there).ok
