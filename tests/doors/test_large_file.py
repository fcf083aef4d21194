"""A file of a gigabyte is loaded in bounded memory, by a service in a process of its own."""

from collections.abc import Iterator

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.processes import NEEDS_PROC, Service
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow
GB = 1_000_000_000
MOST_BYTES = 2_200_000_000  # DuckDB keeps pages of its file as well
NAME = "Maximiliane Aurelia Theodora " * 8


def pieces(rows: int) -> Iterator[bytes]:
    """A file of so many lines, every twentieth without a job."""
    yield b"id,name,datetime,department_id,job_id\n"
    for first in range(1, rows, 1_000):
        lines = (
            f"{10_000 + i},{NAME}{i},2021-06-14T09:30:00Z,1,{'' if i % 20 == 0 else 1}\n"
            for i in range(first, first + 1_000)
        )
        yield "".join(lines).encode()


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    service = Service(settings, new_python=True)
    yield service
    service.stop()


@NEEDS_PROC
def test_a_file_of_a_gigabyte_is_loaded_in_bounded_memory(service: Service) -> None:
    rows = 3_700_000
    with httpx.Client(base_url=service.url, timeout=300) as client:
        headers = {"Content-Type": "text/csv"}
        path = "/v1/tables/hired_employees/files?filename=large.csv"
        taken = client.post(path, content=pieces(rows), headers=headers)
        assert taken.status_code == 202, taken.text
        load = client.get(taken.json()["href"]).json()
        assert load["progress"]["of_bytes"] > GB
        while load["status"] == "running":
            PAUSE(0.1)
            load = client.get(taken.json()["href"]).json()
            assert load["received"] == load["accepted"] + load["rejected"]
    assert (load["status"], load["detail"]) == ("done", None)
    assert (load["received"], load["rejected"]) == (rows, rows // 20)
    assert service.peak_bytes < MOST_BYTES
