"""Whether it lives, whether it can do its work, and what it counts."""

import os
import resource
import shutil
from pathlib import Path
from typing import Literal

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from service.access.keyring import Keyring, KeysUnreadable
from service.api.http.describing import Schema, described
from service.engines.duckdb import DatabaseError
from service.gate import Gate
from service.lake.shipper import Shipper
from service.runtime.wording import counted
from service.warehouse import stored_rows

FILES_FLOOR = 50  # descriptors: with fewer left, a backup or a build may fail
METRICS = "text/plain; version=0.0.4"  # and charset=utf-8, which Litestar adds


class Live(msgspec.Struct):
    """It answers."""

    status: Literal["ok"] = "ok"


class ReadinessCheck(msgspec.Struct):
    """One thing that has to be as it should."""

    name: str
    ok: bool
    detail: str


class Readiness(msgspec.Struct):
    """Whether requests should be sent here."""

    status: Literal["ok", "unavailable"]
    checks: list[ReadinessCheck]


class HealthController(Controller):
    """Health and metrics, for machines that watch."""

    path = "/"
    tags = ("health",)

    @get(
        "/health/live",
        operation_id="is_live",
        sync_to_thread=False,
        opt=described(role="open"),
    )
    def is_live(self) -> Live:
        """Answers as long as the process does."""
        return Live()

    @get(
        "/health/ready",
        operation_id="is_ready",
        sync_to_thread=True,
        opt=described(answers={200: Readiness, 503: Readiness}, role="open"),
    )
    def is_ready(self, gate: NamedDependency[Gate]) -> Response[Readiness]:
        """200 when it can do its work, else 503.

        Looked at are the warehouse, whether all is there that was acknowledged, the writer, disks,
        keys and open files. `last end` tells, and is no reason for a 503, if the service before was
        killed or crashed; nor are stores of backups, of copies and of the lake: rows come in
        without them.
        """
        checks = [
            *(_warehouse(gate), _acknowledged(gate), _writer(gate)),
            *(*_disks(gate), *_stores(gate), _keys(gate), _open_files()),
            ReadinessCheck("last end", True, gate.died_before or "it was in order"),
        ]
        ok = all(check.ok for check in checks)
        answer = Readiness("ok" if ok else "unavailable", checks)
        return Response(answer, status_code=200 if ok else 503)

    @get(
        "/metrics",
        operation_id="read_metrics",
        sync_to_thread=True,
        opt=described(answers={200: {METRICS: Schema.TEXT}}, public="public_metrics"),
    )
    def read_metrics(self, gate: NamedDependency[Gate]) -> Response[bytes]:
        """The counters, in the text format of Prometheus."""
        gate.metrics.waiting.set(gate.writer.waiting)
        if gate.shipper and gate.outbox:
            gate.metrics.outbox_bytes.set(gate.outbox.state.bytes)
            gate.metrics.outbox_full.set(not gate.outbox.state.recording)
            gate.metrics.lake_lag.set(gate.shipper.lag())
        if gate.pairing:
            gate.metrics.copies_waiting.set(gate.pairing.state.waiting or 0)
            gate.metrics.copy_lag.set(gate.pairing.lag())
        with gate.database.reading() as connection:
            rows = stored_rows.counts(connection, gate.dictionary.tables)
        for table, count in rows.items():
            gate.metrics.table_rows.labels(table).set(count)
        return Response(gate.metrics.text(), media_type=METRICS)


def _warehouse(gate: Gate) -> ReadinessCheck:
    try:
        with gate.database.reading() as connection:
            stored_rows.counts(connection, gate.dictionary.tables)
    except DatabaseError as error:
        return ReadinessCheck("warehouse", False, f"a query failed ({type(error).__name__})")
    return ReadinessCheck("warehouse", True, "it answers queries")


def _acknowledged(gate: Gate) -> ReadinessCheck:
    said = "; ".join(gate.losses.described()) if gate.losses else "nothing is missing"
    return ReadinessCheck("acknowledged rows", gate.losses is None, said)


def _writer(gate: Gate) -> ReadinessCheck:
    alive, waiting = gate.writer.alive, gate.writer.waiting
    said = f"{counted(waiting, 'request')} in the queue" if alive else "it takes no more work"
    return ReadinessCheck("writer", alive, said)


def _keys(gate: Gate) -> ReadinessCheck:
    own = Keyring(gate.settings.keys_file)  # that of the gate has a thread
    own.had_keys = gate.keyring.had_keys
    try:
        keyed = own.configured
    except KeysUnreadable as error:
        return ReadinessCheck("keys", False, error.detail)
    return ReadinessCheck("keys", True, "they can be read" if keyed else "there are none")


def _open_files() -> ReadinessCheck:
    """Whether files and connections can still be opened, and some more."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        used = sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError as error:
        return ReadinessCheck("open files", False, f"they cannot be counted ({error.strerror})")
    return ReadinessCheck("open files", most - used >= FILES_FLOOR, f"{used} of {most} are open")


def _disks(gate: Gate) -> list[ReadinessCheck]:
    folders = {"warehouse": gate.settings.warehouse.parent}
    if gate.settings.backups.folder:
        folders["backups"] = gate.settings.backups.folder
    return [
        _disk(f"disk of the {name}", folder, gate.settings.disk_floor_bytes)
        for name, folder in folders.items()
    ]


def _stores(gate: Gate) -> list[ReadinessCheck]:
    """What is known of object storage and of copies; rows come in and are read without them."""
    checks = []
    if gate.settings.backups.url:
        trouble = gate.catalogue.store.trouble
        checks.append(ReadinessCheck("store of the backups", True, trouble or "no request failed"))
    if gate.shipper:
        checks.append(ReadinessCheck("lake", True, _lake(gate, gate.shipper)))
    if gate.pairing:
        state = gate.pairing.state
        waiting = "not looked at yet" if state.waiting is None else f"{state.waiting} wait"
        since = f" since {state.since}" if state.since else ""
        failure = f"; {state.failure}" if state.failure else ""
        checks.append(ReadinessCheck("copies of the backups", True, waiting + since + failure))
    return checks


def _lake(gate: Gate, shipper: Shipper) -> str:
    assert gate.outbox
    state, said = gate.outbox.state, [f"{round(shipper.lag())} seconds behind"]
    if not state.recording and shipper.state.shipped:
        said.append("the outbox was full: changes are left out until a snapshot is taken")
    elif not state.recording:
        said.append("the first snapshot waits")
    return "; ".join([*said, *([shipper.state.failure] if shipper.state.failure else [])])


def _disk(name: str, folder: Path, floor: int) -> ReadinessCheck:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return ReadinessCheck(name, False, f"it cannot be asked ({error.strerror})")
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return ReadinessCheck(name, False, "nothing can be written there")
    return ReadinessCheck(name, free >= floor, f"{free} bytes are free, {floor} are needed")
