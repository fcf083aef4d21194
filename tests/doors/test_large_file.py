"""A large file is loaded in bounded memory, by a service in a process of its own."""

from collections.abc import Iterator

import pytest

from service.runtime.settings import Settings
from tests.support.processes import NEEDS_PROC, Service
from tests.support.services import client_of
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow
SIZE = 140_000_000  # bytes; three parts
MEMORY = 300_000_000  # for DuckDB, which else keeps as many pages of its file as there is room for
# Python, its libraries, a part and that memory take 750 MB, and so they do for twice this size.
MOST_BYTES = 850_000_000
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
    more = {"GATEHOUSE_MEMORY_BYTES": str(MEMORY)}
    service = Service(settings, more=more, new_python=True)
    yield service
    service.stop()


@NEEDS_PROC
def test_a_large_file_is_loaded_in_bounded_memory(service: Service) -> None:
    rows = 525_000
    with client_of(service.url, 300) as client:
        headers = {"Content-Type": "text/csv"}
        path = "/v1/tables/hired_employees/files?filename=large.csv"
        taken = client.post(path, content=pieces(rows), headers=headers)
        assert taken.status_code == 202, taken.text
        load = client.get(taken.json()["href"]).json()
        assert load["progress"]["of_bytes"] > SIZE
        while load["status"] == "running":
            PAUSE(0.1)
            load = client.get(taken.json()["href"]).json()
            assert load["received"] == load["accepted"] + load["rejected"]
    assert (load["status"], load["detail"]) == ("done", None)
    assert (load["received"], load["rejected"]) == (rows, rows // 20)
    assert service.peak_bytes < MOST_BYTES
