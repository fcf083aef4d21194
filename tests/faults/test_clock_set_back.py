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
from tests.support.processes import Service
from tests.support.workers import PAUSE

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
    clock.set(-3 * DAYS)
    loads = [first.json()["load_id"], insert(client, 9101, "second").json()["load_id"]]
    earlier = client.get(f"/v1/loads/{loads[1]}").json()["started_at"]
    assert datetime.fromisoformat(earlier) < datetime.now(UTC) - timedelta(days=2)  # it did
    repeated = insert(client, 9001, "first")
    assert repeated.headers["idempotency-replayed"] == "true"
    assert repeated.json() == first.json()
    _everything_is_listed_once(client, loads)
    _the_other_work_goes_on(client, backup["backup_id"])
    assert client.get("/v1/audit").json()["ok"]
    assert service.stop() == 0


def _everything_is_listed_once(client: httpx.Client, loads: list[str]) -> None:
    for path, name in (("/v1/loads", "loads"), ("/v1/rejections", "rejections")):
        listed = [each["load_id"] for each in pages(client, path, name) if each["table"] == "jobs"]
        assert [listed.count(load_id) for load_id in loads] == [1, 1], path
    trail = [each["subject"] for each in pages(client, "/v1/trail", "entries")]
    assert len(trail) == len(client.get("/v1/trail?limit=1000").json()["entries"])


def _the_other_work_goes_on(client: httpx.Client, backup_id: str) -> None:
    href = client.post("/v1/builds").json()["href"]
    content, kind = "id,job\n9201,of a file\n", {"Content-Type": "text/csv"}
    load = client.post(f"{JOBS}/files", content=content, headers=kind).json()["href"]
    for path in (href, load):
        while (said := client.get(path).json())["status"] in ("queued", "running"):
            PAUSE(0.1)
        assert said["status"] == "done", said
    restored = client.post(f"{JOBS}/restore", json={"backup_id": backup_id})
    assert restored.status_code == 200, restored.text
    assert restored.json()["removed"] == 2  # what came in after the backup, by whichever clock
    kinds = {each["kind"] for each in client.get("/v1/backups").json()["backups"]}
    assert "scheduled" not in kinds  # its moment has not come
