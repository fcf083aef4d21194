"""Whether it lives, whether it can do its work, and what it counts."""

import os
import shutil
from pathlib import Path
from typing import Literal

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from service.api.http.describing import Schema, described
from service.engines.duckdb import DatabaseError
from service.gate import Gate
from service.warehouse import stored_rows

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
        """200 when the warehouse answers, the writer works and the disks have room, else 503."""
        checks = [_warehouse(gate), _writer(gate), *_disks(gate)]
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


def _writer(gate: Gate) -> ReadinessCheck:
    alive, waiting = gate.writer.alive, gate.writer.waiting
    return ReadinessCheck(
        "writer", alive, f"{waiting} requests wait" if alive else "it takes no more work"
    )


def _disks(gate: Gate) -> list[ReadinessCheck]:
    folders = {"warehouse": gate.settings.warehouse.parent, "backups": gate.settings.backups}
    return [
        _disk(f"disk of the {name}", folder, gate.settings.disk_floor_bytes)
        for name, folder in folders.items()
    ]


def _disk(name: str, folder: Path, floor: int) -> ReadinessCheck:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return ReadinessCheck(name, False, f"it cannot be asked ({error.strerror})")
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return ReadinessCheck(name, False, "nothing can be written there")
    return ReadinessCheck(name, free >= floor, f"{free} bytes are free, {floor} are needed")
