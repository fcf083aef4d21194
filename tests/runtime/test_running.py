"""The mark of a running service."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.runtime.running import AlreadyRunning, find, hold
from service.runtime.settings import Settings

HOLD = """
import time
from pathlib import Path
from service.runtime.running import hold
from service.runtime.settings import Settings
with hold(Settings(warehouse=Path({warehouse!r})), "http://127.0.0.1:7"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def here(tmp_path):
    return Settings(warehouse=tmp_path / "w.duckdb")


@pytest.fixture
def elsewhere(here):
    """Another process that holds the warehouse."""
    code = HOLD.format(warehouse=str(here.warehouse))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_where_none_runs_none_is_found(here):
    assert find(here) is None


def test_a_running_service_is_found_until_it_ends(here):
    with hold(here, "http://127.0.0.1:9"):
        assert find(here) == "http://127.0.0.1:9"
        said = json.loads(here.warehouse.with_name("w.duckdb.service").read_text())
        assert said["pid"] == os.getpid()
        assert said["started_at"].endswith("Z")
    assert find(here) is None
    assert not list(here.warehouse.parent.iterdir())


def test_a_warehouse_has_one_service(here, elsewhere):
    with (
        pytest.raises(AlreadyRunning, match=r"http://127.0.0.1:7 \(process \d+\)") as error,
        hold(here),
    ):
        pass
    assert error.value.members == {"url": "http://127.0.0.1:7", "pid": elsewhere.pid}
    assert find(here) == "http://127.0.0.1:7"


def test_a_killed_service_is_not_taken_for_a_running_one(here, elsewhere):
    elsewhere.kill()
    elsewhere.wait()
    assert here.warehouse.with_name("w.duckdb.service").exists()
    assert find(here) is None
    with hold(here, "http://127.0.0.1:9"):
        assert find(here) == "http://127.0.0.1:9"


def test_those_who_look_do_not_keep_a_service_from_starting(here):
    with hold(here, "x"):
        pass
    stop = time.monotonic() + 0.5

    def look():
        while time.monotonic() < stop:
            assert find(here) in (None, "x")

    with ThreadPoolExecutor() as pool:
        lookers = [pool.submit(look) for _ in range(4)]
        while time.monotonic() < stop:
            with hold(here, "x"):
                pass
        for looker in lookers:
            looker.result()
