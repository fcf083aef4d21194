"""A file of a gigabyte is loaded in bounded memory, by a service in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings

pytestmark = pytest.mark.slow
GB = 1_000_000_000
MOST_MB = 2_200  # DuckDB keeps pages of its file as well
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
def service(settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    paths = {
        f"GATEHOUSE_{name.upper()}": str(getattr(settings, name))
        for name in ("project", "warehouse", "backups", "seeds")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", "--port", "0"],
        env={**os.environ, **paths, "GATEHOUSE_LOG_LEVEL": "warning"},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()
    process.communicate(timeout=60)


def peak_mb(pid: int) -> int:
    """The most memory that a process has had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // 1000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_file_of_a_gigabyte_is_loaded_in_bounded_memory(
    service: "subprocess.Popen[str]",
) -> None:
    assert service.stdout is not None
    address = next(line for line in service.stdout if line.startswith("Gatehouse is at"))
    rows = 3_700_000
    with httpx.Client(base_url=address.split()[-1], timeout=300) as client:
        headers = {"Content-Type": "text/csv"}
        path = "/v1/tables/hired_employees/files?filename=large.csv"
        taken = client.post(path, content=pieces(rows), headers=headers)
        assert taken.status_code == 202, taken.text
        load = client.get(taken.json()["href"]).json()
        assert load["progress"]["of_bytes"] > GB
        while load["status"] == "running":
            load = client.get(taken.json()["href"]).json()
            assert load["received"] == load["accepted"] + load["rejected"]
    assert (load["status"], load["detail"]) == ("done", None)
    assert (load["received"], load["rejected"]) == (rows, rows // 20)
    assert peak_mb(service.pid) < MOST_MB
