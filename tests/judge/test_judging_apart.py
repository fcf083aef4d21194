"""Large bodies are judged by a process of their own: alike, and by the service where it is gone."""

import asyncio
import dataclasses
import os
import select
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from service.dictionary import Column, Table
from service.errors import MalformedBody, WrongNumberOfRows
from service.formats.bodies.body_rows import rows_of
from service.judge.batch import Batch
from service.judge.judge import Judge
from service.judge.process.frames import as_told
from service.judge.process.process_client import WORTH, WorkerProcess, cores
from service.runtime.settings import Settings
from tests.support.door import counts
from tests.support.processes import NEEDS_PROC, Service
from tests.support.rows import AVRO, CSV, FORMATS, JSON, hire
from tests.support.world import column, key, table

pytestmark = pytest.mark.skipif(cores() < 2, reason="there is one core")

PLACE = "/v1/tables/hired_employees/rows"
T = TypeVar("T")


def judges(most: int = 9) -> dict[str, Judge]:
    """A judge of notes, whose text has at most so many characters."""
    notes = table(
        "notes",
        key(),
        column("text", "varchar", not_blank={}, max_length={"length": most}),
        column("at", "timestamp", not_null={}, utc_datetime={}),
        column("code", "varchar", unique={}),
        column("parent", "integer", relationships={"parent": "notes", "field": "id"}),
    )
    return {"notes": Judge(notes)}


def note(number: Any, **other: Any) -> dict[str, Any]:
    return {
        "id": number,
        "text": "a: b",
        "at": "2021-07-27T16:02:08Z",
        "code": f"ü{number}",
    } | other


SOUND = [note(number, parent=number) for number in range(500)]
ODD = [
    *SOUND,
    note(-1, parent=None),
    note(None, text="   ", at="2021-02-30T16:02:08Z"),
    note(2**31, text="longer than nine", more=[1, {"a": None}]),
    note("1", code=5),
    {"id": 7},
    5,
]


def apart(do: Callable[[WorkerProcess], Awaitable[T]]) -> T:
    """What `do` finds with a process that is ready."""

    async def done() -> T:
        process = WorkerProcess(wanted=True)
        try:
            assert await ask(process, judges(), FORMATS[JSON](SOUND)) is None  # not there yet
            async with asyncio.timeout(60):
                await process.ready.wait()
            return await do(process)
        finally:
            process.close()

    return asyncio.run(done())


async def ask(
    process: WorkerProcess, known: dict[str, Judge], body: bytes, kind: str = JSON, most: int = 1000
) -> Batch | None:
    return await process.judge(known, "notes", body, kind, most)


def told(batch: Batch | None) -> dict[str, Any]:
    """Everything that others look at in a batch."""
    assert batch is not None
    return {
        "received": batch.received,
        "rows": batch.fitting.to_pylist(),
        "schema": batch.fitting.schema,
        "positions": list(batch.positions),
        "keys": {each.name: list(batch.keys[each.name]) for each in batch.table.key_columns},
        "broken": sorted(batch.broken.items(), key=lambda each: each[0]),
        "payloads": [batch.payload(position) for position in range(batch.received)],
        "from_text": batch.rows is not None and batch.rows.from_text,
    }


def test_it_finds_what_the_service_finds():
    known, of_columns = judges(), (CSV, AVRO)
    kinds = [kind for kind in FORMATS if kind not in of_columns]
    sent = [(FORMATS[kind](rows), kind) for kind in kinds for rows in (SOUND, ODD, ["no"] * 9000)]
    sent += [(FORMATS[kind]([*SOUND, note("x", parent="1.5")]), kind) for kind in of_columns]

    async def all_of_them(process: WorkerProcess) -> list[Batch | None]:
        return [await ask(process, known, body, kind, 9000) for body, kind in sent]

    for (body, kind), there in zip(sent, apart(all_of_them), strict=True):
        assert told(there) == told(known["notes"].judge(rows_of(body, kind)))


def test_it_is_told_a_dictionary_that_no_other_thread_changes_meanwhile():
    notes = judges()["notes"].table
    worked_out = [notes.fingerprint, notes.column_names, notes.columns[0].required]
    told = as_told(notes)
    assert all(worked_out)
    assert told == notes
    for copy, fields in ((told, Table), *((each, Column) for each in told.columns)):
        assert vars(copy).keys() == {field.name for field in dataclasses.fields(fields)}


def test_it_is_our_own_program_whatever_folder_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    known, body = judges(), FORMATS[JSON](ODD)
    (tmp_path / "service").mkdir()
    for name in ("service/__init__.py", "pyarrow.py", "msgspec.py"):
        (tmp_path / name).write_text("raise SystemExit('a program of somebody else')")
    monkeypatch.chdir(tmp_path)
    there = apart(lambda process: ask(process, known, body))
    assert told(there) == told(known["notes"].judge(rows_of(body, JSON)))


def test_it_complains_as_the_service_does():
    known = judges()
    sent = {
        FORMATS[JSON](SOUND)[:-9]: MalformedBody,
        b'"' + b"a" * WORTH + b'"': MalformedBody,
        FORMATS[JSON]([note(number) for number in range(1001)]): WrongNumberOfRows,
    }

    async def complaints(process: WorkerProcess) -> list[Any]:
        asked = [ask(process, known, body) for body in sent]
        return await asyncio.gather(*asked, return_exceptions=True)

    for (body, error), there in zip(sent.items(), apart(complaints), strict=True):
        with pytest.raises(error) as here:
            known["notes"].judge(rows_of(body, JSON), 1000)
        assert (type(there), vars(there)) == (error, vars(here.value))


def test_it_judges_by_the_dictionary_that_it_is_asked_to_judge_by():
    body = FORMATS[JSON](SOUND)

    async def by_turns(process: WorkerProcess) -> list[int]:
        strict, loose = judges(3), judges(4)
        found = [await ask(process, known, body) for known in (loose, strict, strict, loose)]
        return [len(batch.broken) for batch in found if batch]

    assert apart(by_turns) == [0, 500, 500, 0]


def test_who_waits_for_an_answer_judges_where_the_process_is_killed():
    known, body = judges(), FORMATS[JSON](ODD)

    async def killed(process: WorkerProcess) -> list[Batch | None]:
        asked = [asyncio.create_task(ask(process, known, body)) for _ in range(30)]
        asked[0].add_done_callback(lambda _: os.kill(process.process_id or 0, signal.SIGKILL))
        found = await asyncio.gather(*asked)
        assert await ask(process, known, body) is None
        return found

    first, *_, last = apart(killed)
    assert told(first) == told(known["notes"].judge(rows_of(body, JSON)))
    assert last is None


def test_who_waits_for_an_answer_judges_where_the_process_hangs():
    known, body = judges(), FORMATS[JSON](SOUND)

    async def stopped(process: WorkerProcess) -> list[Batch | None]:
        os.kill(process.process_id or 0, signal.SIGSTOP)
        asked = [asyncio.create_task(ask(process, known, body)) for _ in range(3)]
        await asyncio.sleep(0)  # they have asked
        process.patience = 0.0
        found = [await ask(process, known, body), *await asyncio.gather(*asked)]
        assert process.process_id is None
        return found

    assert apart(stopped) == [None] * 4


def test_a_request_that_is_given_up_leaves_the_others_alone():
    known, body = judges(), FORMATS[JSON](SOUND)

    async def given_up(process: WorkerProcess) -> list[Any]:
        asked = [asyncio.create_task(ask(process, known, body)) for _ in range(4)]
        await asyncio.sleep(0)  # they have asked
        asked[1].cancel()
        return await asyncio.gather(*asked, return_exceptions=True)

    found = apart(given_up)
    assert isinstance(found.pop(1), asyncio.CancelledError)
    assert [told(batch) for batch in found] == [told(found[0])] * 3


def test_small_bodies_and_those_who_do_not_want_it_start_no_process():
    async def asked(wanted: bool, rows: int) -> bool:
        process = WorkerProcess(wanted)
        assert await ask(process, judges(), FORMATS[JSON](SOUND[:rows])) is None
        return process._starting is not None

    assert not asyncio.run(asked(wanted=True, rows=20))
    assert not asyncio.run(asked(wanted=False, rows=500))


# In a service


def below(service: Service) -> list[int]:
    """The processes that a service has started."""
    tasks = Path(f"/proc/{service.process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def with_a_judge(service: Service) -> int:
    """The process that judges for a service, which has been asked often enough to start it."""
    while not below(service):
        assert service.client.post(f"{PLACE}?dry_run=true", content=batch(1)).is_success
    return below(service)[0]


def batch(first: int) -> bytes:
    return msgspec.json.encode([hire(number) for number in range(first, first + 500)])


@NEEDS_PROC
def test_no_process_is_left_behind_when_the_service_is_killed(settings: Settings):
    service = Service(settings)
    judge = os.pidfd_open(with_a_judge(service))
    service.kill()
    ended = select.poll()
    ended.register(judge, select.POLLIN)
    assert ended.poll(60_000)
    os.close(judge)


@NEEDS_PROC
def test_requests_are_answered_while_the_process_is_killed(settings: Settings):
    service = Service(settings)
    try:
        judge = with_a_judge(service)

        def insert(first: int) -> tuple[int, int, int]:
            if first == 1_010_000:
                os.kill(judge, signal.SIGKILL)
            rows = [*(hire(number) for number in range(first, first + 499)), hire(first, 10**6)]
            return counts(service.client.post(PLACE, json=rows))

        with ThreadPoolExecutor(4) as clients:
            found = list(clients.map(insert, range(1_000_000, 1_020_000, 500)))
        assert found == [(500, 499, 1)] * 40
    finally:
        assert service.stop() == 0
