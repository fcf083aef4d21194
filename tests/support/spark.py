"""Spark, for the tests that need it; a machine without Java or PySpark passes them over.

CI sets SPARK_REQUIRED, and then they fail instead.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from service.runtime.settings import Settings
from service.spark.building import CannotBuild, check
from service.spark.jars import WrongJar
from tests.support import CHECKOUT

CONF = CHECKOUT / "tests" / "spark" / "conf"
PLACE = ("--host", "127.0.0.1", "--webui-port", "0")
# Java for what runs for a minute. With one compiler it keeps 48 MB for what it compiles: too little
# for Spark, which then is compiled again and again.
QUICK = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC"


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

    def build(
        self, settings: Mapping[str, str], *select: str, allowed: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Builds; {status, message, nodes}, where nodes are statuses by name."""
        asked = {"build": dict(settings), "select": select, "allowed": allowed}
        return cast(dict[str, Any], self._ask(asked))

    def dbt(self, settings: Settings, *words: str) -> dict[str, Any]:
        """Runs dbt itself; {success, exception, nodes}: nodes are (status, message) by name."""
        folder = str(settings.project)
        own = ("--project-dir", folder, "--profiles-dir", folder, "--target", "spark", "--quiet")
        return cast(dict[str, Any], self._ask({"dbt": [*words, *own]}))

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


def said(settings: Settings, lake: Path, master: str = "", partitions: int = 1) -> dict[str, str]:
    """What a build on Spark of a project is told, by the names of the environment."""
    return {
        "GATEHOUSE_PROJECT": str(settings.project),
        "GATEHOUSE_WAREHOUSE": str(settings.warehouse),
        "GATEHOUSE_SEEDS": str(settings.seeds),
        "GATEHOUSE_LAKE": str(lake),
        "GATEHOUSE_BACKUPS": str(settings.backups),
        "GATEHOUSE_SPARK_JARS": str(jars()),
        "GATEHOUSE_SPARK_MASTER": master or os.environ.get("SPARK_MASTER", "local[2]"),
        "GATEHOUSE_SPARK_PARTITIONS": str(partitions),
    }


def differences(
    warehouse: Path, spark: SparkProcess, table: str, columns: str, where: str = "true"
) -> set[object]:
    """The symmetric difference of what both engines have, each row as text."""
    query = f"select {{}} from {table} where {where}"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        here = connection.execute(query.format(_texts(columns, "varchar"))).fetchall()
    there = spark.rows(query.format(_texts(columns, "string")))
    assert len(here) == len(there) == len({*here})
    return {*here} ^ {*there}


def _texts(columns: str, type_name: str) -> str:
    return ", ".join(f"cast({name} as {type_name})" for name in columns.split(", "))


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The URL of a standalone cluster of this machine, all of whose workers have come.

    Without workers it is Spark in one process, or what SPARK_MASTER says.
    """
    if not workers:
        yield os.environ.get("SPARK_MASTER", "local[2]")
        return
    with tempfile.TemporaryDirectory(prefix="spark-") as folder:
        started = [_deploy(folder, "master.Master", "--port", "0")]
        try:
            url = _said(started[0], "spark://127.0.0.1:")
            for _ in range(workers):
                started.append(_deploy(folder, "worker.Worker", "-c", "1", "-m", "2g", url))
            for worker in started[1:]:
                _said(worker, "Successfully registered")
            yield url
        finally:
            for process in reversed(started):
                process.terminate()
                process.communicate()


def _deploy(folder: str, what: str, *arguments: str) -> "subprocess.Popen[str]":
    """One of Spark's own servers, with its files in a folder; it logs, little, to its stderr."""
    import pyspark

    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    return subprocess.Popen(
        [program, f"org.apache.spark.deploy.{what}", *PLACE, *arguments],
        env=os.environ | {"SPARK_WORKER_DIR": folder},
        stderr=subprocess.PIPE,
        text=True,
    )


def _said(process: "subprocess.Popen[str]", wanted: str) -> str:
    """The rest of the line that it logs, from what is wanted on."""
    assert process.stderr
    lines = (line for line in process.stderr if wanted in line)
    line = next(lines, "")
    assert line, f"it has ended, and never said {wanted}"
    return line[line.index(wanted) :].strip()


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
