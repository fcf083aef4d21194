"""A build on Spark beside a service, by the clock; what builds here is a process that ends."""

import os
import sys
from pathlib import Path

import pytest

from service.runtime.metrics import Metrics
from service.runtime.settings import Settings
from service.spark.apart import BuildsApart
from service.spark.lake_places import done_file


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return Settings(project=tmp_path, warehouse=tmp_path / "w.duckdb", spark_schedule="0 * * * *")


def running(settings: Settings, code: str) -> tuple[BuildsApart, Metrics]:
    metrics = Metrics()
    return BuildsApart(settings, metrics, (sys.executable, "-c", code)), metrics


@pytest.mark.parametrize(("code", "outcome"), [("", "done"), ("exit(1)", "failed")])
def test_how_a_build_ended_is_counted(own: Settings, code: str, outcome: str) -> None:
    builds, metrics = running(own, code)
    builds.begin()
    builds.wait()
    assert metrics.runs.labels("spark", outcome)._value.get() == 1


def test_one_that_goes_on_is_not_begun_again_and_ends_with_the_service(
    own: Settings, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    os.mkfifo(began)
    code = f"open({str(began)!r}, 'w').write('x'); import signal; signal.pause()"
    builds, metrics = running(own, code)
    builds.begin()
    assert began.read_text() == "x"
    builds.begin()
    builds.stop()
    assert metrics.runs.labels("spark", "failed")._value.get() == 1


def test_the_last_one_is_that_which_was_done(own: Settings) -> None:
    builds, _ = running(own, "")
    assert builds.last() is None
    done_file(own).parent.mkdir()
    done_file(own).touch()
    assert builds.last() is not None
