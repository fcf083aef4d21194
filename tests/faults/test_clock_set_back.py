"""A clock that is set back by days while the service runs: the books stay right."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.answers import ended
from tests.support.processes import Service

pytestmark = pytest.mark.slow
JOBS = "/v1/tables/jobs"
DAYS = 86_400
SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """The clock of one process."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("there is no C compiler here")
        library, self._file = folder / "clock.so", folder / "clock"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True
        )
        self.settings = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}
        self.set(0)

    def set(self, seconds: int) -> None:
        """Sets it to so many seconds from now."""
        written = self._file.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def service(settings: Settings, clock: Clock) -> Iterator[Service]:
    more = {**clock.settings, "GATEHOUSE_BACKUP_SCHEDULE": "0 * * * *"}
    service = Service(settings, more=more, new_python=True)
    yield service
    service.kill()


def pages(client: httpx.Client, path: str, name: str) -> list[Any]:
    """All that a list has, one by one."""
    found, answer = [], client.get(path, params={"limit": 1})
    while True:
        found += answer.json()[name]
        if "next" not in answer.links:
            return found
        answer = client.get(answer.links["next"]["url"])


def insert(client: httpx.Client, number: int, key: str) -> httpx.Response:
    rows = [{"id": number, "job": "kept"}, {"id": number + 1, "job": None}]
    return client.post(f"{JOBS}/rows", json=rows, headers={"Idempotency-Key": key})


def test_the_books_are_right_although_the_clock_went_back(service: Service, clock: Clock):
    client = service.client
    first = insert(client, 9001, "first")
    backup = client.post(f"{JOBS}/backups").json()
    restored = client.post(f"{JOBS}/restore", json={"backup_id": backup["backup_id"]})
    assert restored.status_code == 200, restored.text
    clock.set(-3 * DAYS)
    loads = [first.json()["load_id"], insert(client, 9101, "second").json()["load_id"]]
    earlier = client.get(f"/v1/loads/{loads[1]}").json()["started_at"]
    assert datetime.fromisoformat(earlier) < datetime.now(UTC) - timedelta(days=2)  # it did
    repeated = insert(client, 9001, "first")
    assert repeated.headers["idempotency-replayed"] == "true"
    assert repeated.json() == first.json()
    _everything_is_listed_once_and_in_its_order(client, loads)
    _no_rejection_is_passed_over(client)
    _the_other_work_goes_on(client, backup["backup_id"])
    _the_newest_backup_is_the_latest(client, backup["backup_id"])
    audit = client.get("/v1/audit").json()
    assert audit["ok"], audit
    assert service.stop() == 0


def _everything_is_listed_once_and_in_its_order(client: httpx.Client, loads: list[str]) -> None:
    for path, name in (("/v1/loads", "loads"), ("/v1/rejections", "rejections")):
        listed = [each["load_id"] for each in pages(client, path, name)]
        assert [load_id for load_id in listed if load_id in loads] == loads[::-1], path
    trail = [each["entry_id"] for each in pages(client, "/v1/trail", "entries")]
    assert trail == [e["entry_id"] for e in client.get("/v1/trail?limit=1000").json()["entries"]]
    of_loads = [entry_id.split("/")[0] for entry_id in trail]
    assert [load_id for load_id in of_loads if load_id in loads] == loads[::-1]


def _no_rejection_is_passed_over(client: httpx.Client) -> None:
    """Also those of before, whose time has not come again."""
    still_open = client.get("/v1/rejections/summary?table=jobs").json()["open"]
    assert still_open >= 2
    assert client.post("/v1/rejections/replay?table=jobs").json()["received"] == still_open
    rejection = client.get("/v1/rejections?table=jobs&limit=1").json()["rejections"][0]
    row = {"id": 9102, "job": None}
    tried = [client.post(f"/v1/rejections/{rejection['rejection_id']}/replay", json=row).json()]
    shown = client.get(f"/v1/rejections/{rejection['rejection_id']}").json()["replays"]
    assert shown[-1]["load_id"] == tried[-1]["load_id"]


def _the_other_work_goes_on(client: httpx.Client, backup_id: str) -> None:
    href = client.post("/v1/builds").json()["href"]
    content, kind = "id,job\n9201,of a file\n", {"Content-Type": "text/csv"}
    load = client.post(f"{JOBS}/files", content=content, headers=kind).json()["href"]
    for path in (href, load):
        said = ended(client, path)
        assert said["status"] == "done", said
    restored = client.post(f"{JOBS}/restore", json={"backup_id": backup_id})
    assert restored.status_code == 200, restored.text
    assert restored.json()["removed"] == 2  # what came in after the backup, by whichever clock
    build = client.post("/v1/builds").json()["href"]  # whose data tests look at the books
    said = ended(client, build)
    assert said["status"] == "done", said
    kinds = {each["kind"] for each in client.get("/v1/backups").json()["backups"]}
    assert "scheduled" not in kinds  # its moment has not come


def _the_newest_backup_is_the_latest(client: httpx.Client, before: str) -> None:
    newer = client.post(f"{JOBS}/backups").json()["backup_id"]
    asked = {"backup_id": "latest", "dry_run": True}
    assert client.post(f"{JOBS}/restore", json=asked).json()["backup_id"] == newer
    listed = [each["backup_id"] for each in pages(client, f"{JOBS}/backups", "backups")]
    assert listed[0] == newer
    assert listed.index(newer) < listed.index(before)
