"""Loads and builds in a process of their own, which kills itself at a point that has a name."""

import os
import pickle
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from service.dbt import landing
from service.dbt.landing import CsvSource
from service.dbt.plugin import Plugin
from service.dbt.runner import build_offline
from service.doors import files
from service.doors.file_load import Upload
from service.formats.csv import opening, reader
from service.formats.csv.dialect import DialectOptions
from service.gate import Gate
from service.runtime.running import hold
from service.runtime.settings import Settings
from tests.support.nursery import nursery
from tests.support.workers import PAUSE

LOAD = "the load"
STREAMS = (0, 1, 2)
Target: TypeAlias = Callable[..., None]
Step: TypeAlias = tuple[Any, ...]  # the point, what to do, and its arguments behind the settings
# Behind which of dbt's statements, by name.
STATEMENTS = {
    "typed": r'create or replace temporary table "\w+__typed"',
    "judging": r'delete from raw\."\w+__exceptions"',
    "judged": r'(insert into|create or replace table) raw\."\w+__exceptions"',
    "inserted": r'(?i)insert into "\w+"\."core"\."\w+"',
    "recorded": r"update ops\.files set\s+behind|insert or replace into ops\.history",
}
# And behind which functions.
FUNCTIONS = {"landing": (CsvSource, "land"), "landed": (Plugin, "_land")}


def one_after_another(settings: Settings, steps: Sequence[Step]) -> None:
    """Takes the steps, each in a process of its own; they must be killed where they are to be.

    A step without a point must come to its end.
    """
    for at, *doing in steps:
        said = pickle.dumps((settings, at, *doing))
        child = nursery().run(
            f"import {__name__}; {__name__}.take({said!r})", [], os.environ, STREAMS
        )
        assert child.wait(120) == (-signal.SIGKILL if at else 0), (at, *doing)


def load(settings: Settings, file: Path, part: int) -> None:
    """Goes on as a service with what was left; takes `file` in, if it is there.

    A part of it has about `part` lines.
    """
    for module in (landing, files, opening, reader):
        vars(module).update(PART=part, BLOCK=1024)
    gate = Gate(settings)
    with hold(settings, "http://127.0.0.1"):
        gate.open()
        if file.exists():
            _accept(gate, file)
        while (load := gate.loads.get(LOAD)) is not None and load.status == "running":
            PAUSE(0.005)
        gate.close()


def build(settings: Settings) -> None:
    """Builds where no service runs."""
    done = build_offline(settings)
    assert done.status == "done", done.message


def _accept(gate: Gate, file: Path) -> None:
    """As the call that takes files in does."""
    upload = Upload(
        table=gate.table("hired_employees"),
        source=file.name,
        options=DialectOptions(),
        is_trial=False,
        actor=None,
        load_id=LOAD,
    )
    gate.settings.spool.mkdir()
    received = file.rename(gate.loads.path_to_receive(upload))
    gate.loads.take(received, upload)


def take(step: bytes) -> None:
    """Takes a step, which was pickled, in this process."""
    settings, at, target, *arguments = pickle.loads(step)
    if at in FUNCTIONS:
        _die_behind(*FUNCTIONS[at])
    elif at == "ended":
        Path.unlink = lambda *_, **__: _die()  # type: ignore[method-assign]
    elif at is not None:
        _die_behind_statement(at)
    target(settings, *arguments)


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_behind(owner: type, name: str) -> None:
    function = getattr(owner, name)

    def dying(*arguments: Any) -> None:
        function(*arguments)
        _die()

    setattr(owner, name, dying)


def _die_behind_statement(at: str) -> None:
    """A hook has several statements: each is executed by itself, as DuckDB does it."""
    execute = DuckDBCursorWrapper.execute
    is_near = re.compile(STATEMENTS["recorded" if at == "committed" else at]).search
    found = False

    def dying(cursor: Any, sql: str, bindings: Any = None) -> Any:
        nonlocal found
        if bindings is not None:
            return execute(cursor, sql, bindings)
        for statement in cursor.extract_statements(sql):
            result = execute(cursor, statement)
            found = found or bool(is_near(statement.query))
            if found and (at != "committed" or re.search("(?i)commit$", statement.query)):
                _die()
        return result

    DuckDBCursorWrapper.execute = dying  # type: ignore[method-assign]
