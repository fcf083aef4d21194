"""dbt, inside this process. The one place that knows dbt's runner and its events.

dbt is imported when the first build is asked for: that takes over a second.
"""

import gc
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

import msgspec

from service.dbt.cancelling import Cancel, Cancelled
from service.dbt.kept_project import KeptProject, state_of
from service.dbt.landing import CsvSource
from service.dbt.run_context import RunContext
from service.dbt.writers_lock import NoLock, WritersLock
from service.dictionary import Dictionary, DictionaryError
from service.dictionary.manifest import read_dictionary
from service.runtime.clock import utc_now
from service.runtime.durable_files import READABLE, make_folder
from service.runtime.settings import Settings

LOCK_LINE = "gatehouse: take the writer's lock for "  # macros/history/judge.sql logs it
ALTERED_LINE = "gatehouse: the tables have another form"  # macros/ops/evolution.sql logs it
HEARD = ("JinjaLogInfo", "JinjaLogDebug", "JinjaLogWarning", "LogStartLine", "NodeFinished")
SMALLER = 10  # times
# Unit tests are about the SQL of a model, whatever the warehouse holds; exposures are not built.
# That no column of a mart is NULL, the test of its grain says too.
BUILD = (
    *("build", "--exclude", "test_name:not_null,fqn:gatehouse.marts"),
    *("--exclude-resource-type", "unit_test", "exposure"),
)


class Node(msgspec.Struct):
    """One model, test or hook of a build."""

    name: str
    kind: str
    status: str
    seconds: float
    failures: int | None = None
    message: str | None = None


class BuildProgress(msgspec.Struct):
    """How many of a build's nodes have ended, of how many, and which one runs."""

    done: int = 0
    total: int | None = None  # not known before the first node starts
    node: str | None = None


class BuildResult(msgspec.Struct):
    """A build and how far it is."""

    build_id: str
    status: str  # queued, running, done or failed
    started_at: datetime | None = None
    finished_at: datetime | None = None
    nodes: list[Node] = msgspec.field(default_factory=list)
    message: str | None = None
    actor: str | None = None  # who asked for it
    progress: BuildProgress = msgspec.field(default_factory=BuildProgress)
    warnings: list[str] = msgspec.field(default_factory=list)  # of what it has passed over
    dry_run: bool = False  # whether it only says what would change
    allowed: tuple[str, ...] = ()  # what may be lost: `drop:table` and `drop:table.column`


# dbt keeps much in its process: two runs at once break both.
one_at_a_time = threading.RLock()
_kept = KeptProject()  # used by one at a time, too


@contextmanager
def small_sweeps() -> Iterator[None]:
    """Within the block, the cyclic garbage collector looks at fewer objects at a time.

    dbt makes a million objects in a run. A collection of all that are not quite new stops every
    thread for a quarter of a second.
    """
    newest, middle, oldest = gc.get_threshold()
    gc.set_threshold(newest, max(1, middle // SMALLER), oldest * SMALLER)
    try:
        yield
    finally:
        gc.set_threshold(newest, middle, oldest)


def run(
    settings: Settings,
    build: BuildResult,
    lock: WritersLock,
    on_node: Callable[[Node], None],
    *,
    after: Callable[[], None] = lambda: None,
    what: Sequence[str] = BUILD,
    project: Any = None,
    cancel: Cancel | None = None,
    files: Mapping[str, CsvSource] | None = None,
) -> None:
    """Runs ``dbt build``, or the command `what`, and writes its course into `build`.

    Never raises for what dbt reports. `after` is called when dbt has ended, before `build` says
    so. `project` is what `parse` gave, where that was done before. `cancel` may end it early.
    `files` are those that the service has open for it, by load id; others the plugin opens.
    """
    cancel = cancel or Cancel()
    with one_at_a_time, RunContext(cancel, files or {}, build.allowed).in_progress():
        build.status, build.started_at = "running", utc_now()
        status = "failed"
        try:
            with cancel.watching():
                _run_dbt(settings, build, lock, on_node, what, project, cancel)
            build.message = cancel.why or build.message
            status = "done" if build.message is None else "failed"
            after()
        except (BuildFailed, DictionaryError, Cancelled) as error:
            build.message = cancel.why or str(error)
        finally:
            build.finished_at = utc_now()
            build.status = status


def _run_dbt(
    settings: Settings,
    build: BuildResult,
    lock: WritersLock,
    on_node: Callable[[Node], None],
    what: Sequence[str],
    project: Any,
    cancel: Cancel,
) -> None:
    from dbt.cli.main import dbtRunner

    from service.dbt import shortcuts

    def listen(event: Any) -> None:
        name, data = event.info.name, event.data
        if name.startswith("JinjaLog") and data.msg.startswith(LOCK_LINE):
            lock.take(cancel)
        elif name.startswith("JinjaLog") and data.msg == ALTERED_LINE:
            lock.altered()
        elif name == "JinjaLogWarning":
            build.warnings.append(data.msg)
        elif name == "LogStartLine":
            cancel.check()
            build.progress.total, build.progress.node = data.total, data.node_info.node_name
        elif name == "NodeFinished":
            lock.release(data.node_info.node_name)
            build.nodes.append(node := _node(data))
            build.progress.done, build.progress.node = build.progress.done + 1, None
            on_node(node)

    shortcuts.install()
    shortcuts.listen_to(HEARD)
    _tell_dbt(settings)
    try:
        manifest = project or parse(settings)
        dictionary_of(manifest)
        runner = dbtRunner(manifest=manifest, callbacks=[listen])
        with lock.keeping_open(settings.warehouse):
            result = runner.invoke([*what, *_options(settings)])
        if result.exception is not None:
            raise BuildFailed(str(result.exception))
        build.message = None if result.success else _failures(build)
    finally:
        lock.release(None)


def parse(settings: Settings, version: str | None = None) -> Any:
    """dbt's manifest of the project, as `run` takes it.

    Raises:
        BuildFailed: dbt cannot read it, or its dictionary is not what that `version` declares.
        DictionaryError: the service could not follow it.
    """
    with one_at_a_time:
        _tell_dbt(settings)
        state = state_of(settings)
        manifest = _kept.get(state) or _read(settings)
        _kept.keep(state, manifest)
    if version is not None and dictionary_of(manifest).declared != version:
        raise BuildFailed("the dictionary has changed since the last build; build first")
    return manifest


def _read(settings: Settings) -> Any:
    from dbt.cli.main import dbtRunner

    _kept.drop()  # so that there are never two
    parsed = dbtRunner().invoke(["parse", *_options(settings)])
    if not parsed.success:
        raise BuildFailed(_with_hint(str(parsed.exception)))
    return parsed.result


def _with_hint(message: str) -> str:
    """What dbt says of a project that it cannot read, and what to do where we know it."""
    if missing := re.search(r"depends on a node named '(raw_\w+)' which was not found", message):
        return f"{message}\nHINT: make seeds/{missing[1]}.csv, the table's history or its header"
    if "codec can't decode" in message:
        hint = "a history in another encoding needs a folder of its own (GATEHOUSE_SEEDS)"
        return f"{message}\nHINT: dbt reads seeds/ as UTF-8; {hint}"
    return message


class BuildFailed(Exception):
    """dbt, or what it is to run, cannot; the message is dbt's, and may name values of rows."""

    carries_data: ClassVar[bool] = True  # so that logs leave the message out


def _tell_dbt(settings: Settings) -> None:
    """profiles.yml and the macros read these; dbt knows no other way to be told."""
    make_folder(settings.warehouse.parent, READABLE)
    os.environ["GATEHOUSE_WAREHOUSE"] = str(settings.warehouse)
    os.environ["GATEHOUSE_SEEDS"] = str(settings.seeds)
    os.environ["GATEHOUSE_MEMORY_BYTES"] = str(settings.memory_bytes)
    os.environ["DO_NOT_TRACK"] = "1"


def _options(settings: Settings) -> list[str]:
    project, target = str(settings.project), str(settings.target)
    return [
        *("--project-dir", project, "--profiles-dir", project),
        *("--target-path", target, "--log-path", target),  # else it makes logs/ in the project
        *("--log-level-file", "none", "--log-level", "none", "--quiet", "--no-version-check"),
        "--no-use-colors",
        "--no-write-json",  # no one reads the manifest, and to write it takes as long as 5 tests
    ]


def dictionary_of(manifest: Any) -> Dictionary:
    """What the manifest says; raises DictionaryError when the service could not follow it."""
    nodes = {
        key: node.to_dict(omit_none=False)
        for key, node in manifest.nodes.items()
        if node.package_name == manifest.metadata.project_name
        and (node.resource_type == "model" or getattr(node, "attached_node", None))
    }
    macros = [macro.name for macro in manifest.macros.values()]
    own_kinds = {name.removeprefix("rule_") for name in macros if name.startswith("rule_")}
    return read_dictionary(nodes, own_kinds=own_kinds)


def look_ahead(settings: Settings, build: BuildResult, lock: WritersLock, cancel: Cancel) -> str:
    """The dictionary that a build would save now, compiled: its text as ``ops.dictionary`` has it.

    Raises:
        BuildFailed: dbt cannot read the project.
        DictionaryError: a door could not follow it.
        Cancelled: it was cancelled.
    """
    what = ("run-operation", "look_ahead")
    with one_at_a_time, RunContext(cancel).in_progress() as context, cancel.watching():
        _run_dbt(settings, build, lock, lambda node: None, what, None, cancel)
    cancel.check()
    if not context.shown:
        raise BuildFailed(build.message or "dbt has not said what the dictionary is")
    return context.shown[-1]


def _node(data: Any) -> Node:
    said, result = data.node_info, data.run_result
    return Node(
        said.node_name,
        said.resource_type,
        said.node_status,
        round(result.execution_time, 3),
        result.num_failures or None,
        result.message or None,
    )


def _failures(build: BuildResult) -> str:
    bad = [node for node in build.nodes if node.status in ("error", "fail", "runtime error")]
    return "\n".join(f"{node.name}: {node.message}" for node in bad) or "dbt reports a failure"


def build_offline(
    settings: Settings,
    on_node: Callable[[Node], None] = lambda node: None,
    cancel: Cancel | None = None,
    allowed: Collection[str] = (),
) -> BuildResult:
    """Builds where no service runs; this process is then the only one that writes."""
    build = BuildResult(str(uuid4()), "queued", allowed=tuple(allowed))
    run(settings, build, NoLock(), on_node, cancel=cancel)
    return build
