"""A build on Spark: history onto the lake, the list of the gate's changes, then `dbt build` there.

It needs no warehouse of DuckDB, and changes none.
"""

import fcntl
import importlib.util
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from service.backups.catalogue import Catalogue
from service.dbt.cancelling import Cancel
from service.dbt.history_files import WrongHistory, history_file
from service.dbt.runner import (
    BUILD,
    BuildFailed,
    BuildResult,
    Node,
    dictionary_of,
    parse,
    run,
)
from service.dictionary import DictionaryError
from service.errors import Problem
from service.formats.csv.dialect import UnreadableFile
from service.runtime.clock import utc_now
from service.runtime.durable_files import READABLE, make_folder
from service.runtime.settings import Settings
from service.spark.fed_segments import LIST as SEGMENTS
from service.spark.fed_segments import WrongSegments, list_segments
from service.spark.jars import WrongJar, check_jars
from service.spark.lake_places import done_file, lake_of, spark_path
from service.spark.landed_history import HistoryFile, forget_others, land_history
from service.spark.verified_backups import list_backups
from service.stores.kinds import open_store
from service.stores.store import Store

LOGGING = "log4j2.properties"
# dbt-spark asks for Hive with each statement; a server of Connect has it, or has not.
STATIC = "Cannot modify the value of a static config"

# Packages that a target of profiles.yml needs, and what brings them.
NEEDED = {
    "spark": (("dbt.adapters.spark", "gatehouse[spark]"), ("pyspark", "gatehouse[spark]")),
    "spark_thrift": (("pyhive", "dbt-spark[PyHive]"),),
    "spark_connect": (
        ("grpc", "pyspark[connect]==3.5.7"),
        ("pandas", "pyspark[connect]==3.5.7"),
    ),
}


class CannotBuild(Exception):
    """What a build on Spark needs is not there; the message says what, and what to do."""


class NoWarehouse:
    """A lock on nothing: there is no one writer on Spark, and no file to keep open."""

    def take(self, cancel: Cancel) -> None: ...

    def release(self, table: str | None) -> None: ...

    def altered(self) -> None: ...

    def keeping_open(self, warehouse: Path) -> AbstractContextManager[object]:
        """Nothing."""
        return nullcontext()


def build_on_spark(
    settings: Settings,
    on_node: Callable[[Node], None] = lambda node: None,
    tell: Callable[[str], None] = lambda text: None,
    cancel: Cancel | None = None,
    what: Sequence[str] = BUILD,
    allowed: Sequence[str] = (),
) -> BuildResult:
    """Builds; what it ends with is in the result, and never raised.

    `tell` is told in words what is done before dbt begins. What is `allowed` may be lost where the
    dictionary has changed: ``drop:table.column``. The process is Spark's from then on: a
    build of DuckDB belongs into another one.
    """
    build = BuildResult(str(uuid4()), "running", utc_now(), allowed=tuple(allowed))
    try:
        check(settings)
        with _alone(settings):
            _build(settings, build, on_node, tell, cancel, what)
    except (
        *(CannotBuild, WrongJar, WrongSegments, WrongHistory),
        *(UnreadableFile, BuildFailed, DictionaryError, Problem),
    ) as error:
        build.status, build.message, build.finished_at = "failed", str(error), utc_now()
    return build


def check(settings: Settings) -> None:
    """Raises CannotBuild or WrongJar where something is missing that a build needs."""
    target = target_of(settings)
    for package, wanted in (*NEEDED["spark"], *NEEDED[target]):
        if importlib.util.find_spec(package) is None:
            name = package.replace("dbt.adapters.", "dbt-")
            raise CannotBuild(f"{name} is not installed: pip install '{wanted}'")
    if target != "spark":  # the server has what it needs
        return
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and Path(home, "bin/java").is_file()):
        raise CannotBuild("there is no Java 17 (Debian, Ubuntu: apt install openjdk-17-jre)")
    check_jars(settings.spark_jars)


def target_of(settings: Settings) -> str:
    """The target of profiles.yml: Spark in this process, or a server of Thrift or Connect."""
    scheme = settings.spark_master.partition("://")[0]
    return {"thrift": "spark_thrift", "sc": "spark_connect"}.get(scheme, "spark")


def _build(
    settings: Settings,
    build: BuildResult,
    on_node: Callable[[Node], None],
    tell: Callable[[str], None],
    cancel: Cancel | None,
    what: Sequence[str],
) -> None:
    own = _tell_dbt(settings)
    manifest = parse(own)
    store = open_store(lake_of(settings), settings.lake_credentials)
    _check_is_there(settings, store)
    landed = land_history(store, history_of(own, manifest), tell)
    last = list_segments(store)
    _check_goes_on(settings, last)
    backups = Catalogue(open_store(settings.backups, settings.backups_credentials))
    tables = dictionary_of(manifest).tables.values()
    list_backups(store, backups, spark_path(settings.backups), tables)
    tell(f"changes of the gate: up to {last}" if last else "no changes of a gate are on the lake")
    variables = ("--vars", msgspec.json.encode({"allow": build.allowed}).decode())
    said = (*what, *variables)  # a macro there cannot ask Python
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", STATIC)
        run(own, build, NoWarehouse(), on_node, what=said, project=manifest, cancel=cancel)
    if build.status == "done":
        done_file(settings).write_text(str(last))
        forget_others(store, landed)  # Spark has taken over all of them


def _check_is_there(settings: Settings, store: Store) -> None:
    """That the lake is the one that was built on: its tables are in the catalogue here."""
    if done_file(settings).exists() and not store.exists(SEGMENTS):
        raise CannotBuild(
            f"{store.name} is not the lake that was built on before: its {SEGMENTS} is gone;"
            f" where that was meant, remove {settings.spark_folder}"
        )


def _check_goes_on(settings: Settings, last: int) -> None:
    """That no change is gone that was taken in before: a lake that was emptied gets a snapshot."""
    done = done_file(settings)
    taken = int(done.read_text() or 0) if done.exists() else 0
    if last < taken:
        raise CannotBuild(
            f"the lake has changes up to {last}, and those up to {taken} were built before;"
            " `gatehouse lake ship` brings what is missing"
        )


def history_of(settings: Settings, manifest: Any) -> Iterator[HistoryFile]:
    """The history files, with what the YAML of their tables says of them."""
    for table in dictionary_of(manifest).tables.values():
        if path := history_file(str(settings.seeds), table.name):
            node = manifest.nodes[f"model.{manifest.metadata.project_name}.{table.name}"]
            yield HistoryFile(table, Path(path), node.config.meta.get("csv") or {})


def _tell_dbt(settings: Settings) -> Settings:
    """profiles.yml and the macros read these; dbt's artefacts have a folder of their own."""
    make_folder(settings.spark_folder, READABLE)
    os.environ |= {
        "DBT_TARGET": target_of(settings),
        "GATEHOUSE_LAKE": spark_path(lake_of(settings)),
        "GATEHOUSE_SPARK_FOLDER": str(settings.spark_folder),
        "GATEHOUSE_SPARK_JARS": str(settings.spark_jars),
        "GATEHOUSE_SPARK_LOGGING": str(_logging()),
        "GATEHOUSE_SPARK_MASTER": settings.spark_master,
        "GATEHOUSE_SPARK_MEMORY": settings.spark_memory,
        "GATEHOUSE_SPARK_PARTITIONS": str(settings.spark_partitions),
    }
    return msgspec.structs.replace(settings, warehouse=settings.spark_folder / "dbt.duckdb")


def _logging() -> Path:
    """Says what Spark logs: the file of its user, or ours."""
    folder = os.environ.get("SPARK_CONF_DIR")
    own = Path(folder, LOGGING) if folder else None
    return own.resolve() if own and own.is_file() else Path(__file__).with_name(LOGGING)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Within the block no other process of this machine builds there."""
    make_folder(settings.spark_folder, READABLE)
    with (settings.spark_folder / "build.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotBuild("another build on Spark is under way") from None
        yield
