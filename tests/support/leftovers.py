"""What a kill would leave of a service, at each statement of its writer and each step of a backup.

What a process has written is in the files, whether it is killed or not, and all else goes with it.
So copies of its files, made in the writer's thread between two statements, are what the next
service would find. Where the files are as they were at the last look, no copy is made.
"""

import shutil
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from service.backups.catalogue import Catalogue
from service.gate import Gate
from service.runtime.settings import Settings
from service.stores.folder import FolderStore
from service.warehouse.writer import Writer

# A line each: what is there of rows, traces, counts, kept answers, and what the feed is told.
STATE = {
    "jobs": "select count(*), bit_xor(hash(kept)) from core.jobs as kept",
    "changes": "select row_key, operation, before, after, load_id from ops.changes order by all",
    "loads": "select load_id, kind, received, accepted, changed, removed from ops.loads order by 1",
    "erased": "select key_hash from ops.erased order by all",
    "answers": "select key from ops.idempotency_keys order by all",
    "told": "select sequence, operation, rows from ops.outbox where table_name = 'jobs' order by 1",
}


class Leftover(msgspec.Struct):
    """The files at one point: `at` says behind what."""

    at: str
    folder: Path

    def state(self) -> dict[str, list[Any]]:
        """What the warehouse has, by the names of STATE."""
        with duckdb.connect(str(self.folder / "gatehouse.duckdb")) as connection:
            return {name: connection.execute(sql).fetchall() for name, sql in STATE.items()}

    def catalogue(self) -> Catalogue:
        """The backups."""
        return Catalogue(FolderStore(self.folder / "backups"))


class Watch:
    """Looks at the files of a service in this process."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._last: object = None
        self.looked: list[str] = []  # at what it has looked since `begin`
        self.found: list[Leftover] = []

    def begin(self) -> None:
        """Forgets what was found."""
        self._last, self.looked, self.found = None, [], []
        self.look("before")

    def look(self, at: str) -> None:
        """Keeps what a kill would leave now."""
        self.looked.append(at)
        path, backups = self._settings.warehouse, self._settings.backups.path
        files = [path, *path.parent.glob("gatehouse.duckdb.wal")]
        seen = ([zlib.crc32(each.read_bytes()) for each in files], sorted(backups.rglob("*.*")))
        if seen == self._last:
            return
        self._last = seen
        folder = self._folder / f"{len(list(self._folder.iterdir())):03}"
        shutil.copytree(backups, folder / "backups")
        for each in files:
            shutil.copy(each, folder)
        self.found.append(Leftover(at, folder))


class _Watched:
    """The writer's connection. A look is taken before each statement, then it is DuckDB's own."""

    def __init__(self, connection: Any, watch: Watch) -> None:
        self._connection, self._watch = connection, watch

    def __getattr__(self, name: str) -> Any:
        if name in ("execute", "commit"):
            self._watch.look(name)
        return getattr(self._connection, name)


def watch(monkeypatch: pytest.MonkeyPatch, settings: Settings, folder: Path) -> Watch:
    """Watches the service of `settings`, which records for a feed that no one ships."""
    watch = Watch(settings, folder)
    begin = Writer._begin

    def begin_watched(writer: Writer) -> None:
        if not isinstance(writer._connection, _Watched):
            writer._connection = _Watched(writer._connection, watch)  # type: ignore[assignment]
        begin(writer)

    monkeypatch.setattr(Writer, "_begin", begin_watched)
    monkeypatch.setattr(Writer, "_commit", _looking(watch, Writer._commit, "committed"))
    for name in ("add", "remove"):
        step = _looking(watch, getattr(Catalogue, name), f"backup {name}")
        monkeypatch.setattr(Catalogue, name, step)
    monkeypatch.setattr(Gate, "start_shipping", _record)
    return watch


def _looking(watch: Watch, function: Callable[..., Any], after: str) -> Callable[..., Any]:
    @wraps(function)
    def looking(*arguments: Any) -> Any:
        result = function(*arguments)
        watch.look(after)
        return result

    return looking


def _record(gate: Gate) -> None:
    outbox = gate.writer.outbox
    assert outbox is not None
    begin = outbox.changing(
        lambda connection: connection.execute("update ops.feed set recording = true")
    )
    gate.writer.run(begin).result()
