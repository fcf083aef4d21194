"""Disks that are full or may only be read: told clearly, nothing is lost, and it goes on."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import duckdb
import httpx
import msgspec
import pytest

from service.engines.duckdb import Database, as_problem
from service.errors import NoSpace
from service.runtime.settings import Settings
from tests.support.answers import ended, is_problem
from tests.support.disks import SmallDisk, small_disk
from tests.support.processes import Service
from tests.support.services import settings_in

pytestmark = pytest.mark.slow
MB = 1_000_000
FLOOR = {"GATEHOUSE_DISK_FLOOR_BYTES": str(MB)}
# Its log is moved into the file so often that the disk is full at that moment, too.
PROGRAM = """
from service.engines import duckdb
duckdb.WAL_BYTES = 1_000_000
from service.cli import main
main()
"""
DEPARTMENTS = "/v1/tables/departments"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 64 * MB) as disk:
        yield disk


@pytest.fixture
def on_disk(built: Settings, disk: SmallDisk) -> Settings:
    """A warehouse with everything on the small disk."""
    settings = settings_in(disk.folder)
    shutil.copytree(built.seeds, settings.seeds)
    shutil.copy(built.warehouse, settings.warehouse)
    return settings


class Client:
    """Inserts departments, and remembers which were taken."""

    def __init__(self, service: Service) -> None:
        self.client = service.client
        self.taken: set[int] = set()
        self._numbers = count(10_000, 500)

    def insert(self) -> httpx.Response:
        first = next(self._numbers)
        rows = [{"id": i, "department": "x" * 250} for i in range(first, first + 500)]
        answer = self.client.post(f"{DEPARTMENTS}/rows", json=rows)
        if answer.status_code == 201:
            self.taken.update(range(first, first + 500))
        return answer

    def send(self, first: int) -> httpx.Response:
        """A file, of two megabytes."""
        rows = "".join(f"{i},{'y' * 200}\n" for i in range(first, first + 10_000))
        path = f"{DEPARTMENTS}/files?filename=large.csv"
        return self.client.post(path, content=f"id,department\n{rows}", headers=CSV)

    def loaded(self, load_id: str) -> dict[str, object]:
        """How a load has ended."""
        return ended(self.client, f"/v1/loads/{load_id}")

    def is_ready(self) -> bool:
        return self.client.get("/health/ready").status_code == 200


def half_made(settings: Settings) -> list[str]:
    """Files that are there and should not."""
    files = [path for path in settings.warehouse.parent.rglob("*") if path.is_file()]
    spooled = settings.spool.glob("*") if settings.spool.exists() else ()
    return [path.name for path in files if path.suffix == ".tmp"] + [each.name for each in spooled]


def ids(settings: Settings) -> set[int]:
    with duckdb.connect(str(settings.warehouse)) as connection:
        query = "select id from core.departments where id >= 10000"
        return {number for (number,) in connection.execute(query).fetchall()}


@pytest.mark.parametrize("leave", [0, 400_000])
def test_a_full_disk_is_told_by_every_door_and_it_goes_on_when_there_is_room(
    on_disk: Settings, disk: SmallDisk, leave: int
):
    service = Service(on_disk, PROGRAM, FLOOR)
    try:
        client = Client(service)
        assert client.insert().status_code == 201
        backup = service.client.post(f"{DEPARTMENTS}/backups").json()
        assert client.is_ready()
        _fill_and_make_room(service, client, disk, backup["backup_id"], leave)
        with pytest.raises(duckdb.IOException, match="lock"):  # it is still no one else's
            duckdb.connect(str(on_disk.warehouse))
        assert half_made(on_disk) == []
        disk.fill()
        assert service.stop() == 0
    finally:
        service.kill()
    disk.make_room()
    assert client.taken <= ids(on_disk)
    again = Service(on_disk, PROGRAM, FLOOR)
    assert again.client.get("/v1/audit").json()["ok"]
    assert again.stop() == 0


def _fill_and_make_room(
    service: Service, client: Client, disk: SmallDisk, backup_id: str, leave: int
) -> None:
    disk.fill(leave)
    answer = client.insert()
    while answer.status_code == 201:
        answer = client.insert()
    assert is_problem(answer, 507, "no-space")
    disk.fill()
    assert not client.is_ready()
    assert service.client.get("/health/live").status_code == 200
    assert service.client.get(f"{DEPARTMENTS}/rows").status_code == 200
    asked = {"backup_id": backup_id}
    sent, backup = client.send(1_000_000), service.client.post(f"{DEPARTMENTS}/backups")
    assert sent.json()["detail"] == "no space is left for the file; nothing of it was kept"
    assert backup.json()["detail"] == "the disk is full; nothing was written"  # not its intent
    (kept,) = service.client.get("/v1/backups").json()["backups"]
    assert kept["backup_id"] == backup_id
    for refused in (
        client.insert(),
        sent,
        backup,
        service.client.post("/v1/backups"),
        service.client.post(f"{DEPARTMENTS}/restore", json=asked),
    ):
        assert is_problem(refused, 507, "no-space"), refused.text
    disk.make_room()
    assert client.is_ready()
    assert client.insert().status_code == 201
    load = client.loaded(client.send(2_000_000).json()["load_id"])
    assert (load["status"], load["accepted"]) == ("done", 10_000), load
    assert service.client.post("/v1/backups").status_code == 201
    assert service.client.get("/v1/audit").json()["ok"]


def test_what_fits_neither_into_memory_nor_on_the_disk_is_told_and_leaves_no_file(
    on_disk: Settings, disk: SmallDisk
):
    database = Database(on_disk.warehouse, memory_bytes=30 * MB)
    try:
        disk.fill()
        with database.reading() as connection, pytest.raises(duckdb.Error) as error:
            _take_memory(connection)
        assert isinstance(as_problem(error.value), NoSpace)
        disk.make_room()
        with database.reading() as connection:
            _take_memory(connection)
            assert [*disk.folder.glob("gatehouse.duckdb.tmp/*")]
    finally:
        database.close()
    assert half_made(on_disk) == []
    assert [*disk.folder.glob("gatehouse.duckdb.tmp/*")] == []


def _take_memory(connection: duckdb.DuckDBPyConnection) -> None:
    """Sorts twice as much as there is memory for."""
    texts = "select hash(i) || repeat('x', 60) as text from range(600000) r(i)"
    found = connection.execute(f"select max(text) from (select * from ({texts}) order by text)")
    assert len(found.fetchall()) == 1


def test_a_folder_of_backups_that_may_only_be_read_is_told(
    settings: Settings, tmp_path: Path, serve
):
    with small_disk(tmp_path / "other", 8 * MB) as other:
        settings = msgspec.structs.replace(
            settings, backups=other.folder / "backups", disk_floor_bytes=MB
        )
        with serve(settings) as client:
            assert client.post("/v1/backups").status_code == 201
            other.allow("ro")
            assert is_problem(client.post("/v1/backups"), 503, "unavailable")
            ready = client.get("/health/ready")
            assert ready.status_code == 503
            assert [c["name"] for c in ready.json()["checks"] if not c["ok"]] == [
                "disk of the backups"
            ]
            rows = [{"id": 9001, "job": "meanwhile"}]
            assert client.post("/v1/tables/jobs/rows", json=rows).status_code == 201
            other.allow("rw")
            assert client.post("/v1/backups").status_code == 201
            assert client.get("/health/ready").status_code == 200


def test_a_folder_of_backups_that_is_gone_is_made_anew(settings: Settings, serve):
    with serve(settings) as client:
        made = client.post("/v1/backups").json()
        shutil.rmtree(settings.backups.path)
        gone = client.get(f"/v1/backups/{made['backups'][0]['backup_id']}")
        assert is_problem(gone, 404, "not-found")
        assert client.post("/v1/backups").status_code == 201
        shutil.rmtree(settings.backups.path)
        settings.backups.path.write_text("something else in its place")
        assert is_problem(client.post("/v1/backups"), 503, "unavailable")
        assert client.get("/health/ready").status_code == 503
