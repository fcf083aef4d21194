"""Spark, for the tests that need it; a machine without Java or PySpark passes them over.

CI sets SPARK_REQUIRED, and then they fail instead.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from service.runtime.settings import Settings
from service.spark.building import CannotBuild, check
from service.spark.jars import WrongJar
from tests.support import CHECKOUT

CONF = CHECKOUT / "tests" / "spark" / "conf"
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # Java for what runs for a minute


class SparkProcess:
    """One process with a Spark in it."""

    def __init__(self, log: Path) -> None:
        """What it says goes into `log`."""
        self.log = log
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("GATEHOUSE", "DBT"))}
        self._open_log = log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.spark_process"],
            cwd=CHECKOUT,
            env=environ | {"SPARK_CONF_DIR": str(CONF), "JAVA_TOOL_OPTIONS": QUICK},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._open_log,
            text=True,
        )

    def build(self, settings: Mapping[str, str], *select: str) -> dict[str, Any]:
        """Builds; {status, message, nodes}, where nodes are statuses by name."""
        return cast(dict[str, Any], self._ask({"build": dict(settings), "select": select}))

    def rows(self, sql: str) -> list[tuple[str | None, ...]]:
        """What a query answers, as text."""
        return [tuple(row) for row in self._ask({"sql": sql})]

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()
        self._open_log.close()

    def _ask(self, asked: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "Spark's process has ended; its log says why"
        return json.loads(answer)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkProcess]:
    """A Spark on two threads of this machine, or where a test's settings say."""
    why = lacking()
    if why and "SPARK_REQUIRED" not in os.environ:
        pytest.skip(why)
    assert why is None, why
    process = SparkProcess(tmp_path_factory.mktemp("spark") / "log.txt")
    yield process
    process.close()


def lacking() -> str | None:
    """What Spark needs and this machine has not, in words."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed: make install-spark"
    try:
        check(Settings(spark_jars=jars()))
    except (CannotBuild, WrongJar) as error:
        return str(error)
    return None


def jars() -> Any:
    """The folder of the jars; JARS says another, as for make."""
    return CHECKOUT / os.environ.get("JARS", "jars")
