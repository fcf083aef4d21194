"""A few bytes of Avro may be many rows: they are not read where all requests are served."""

import asyncio
import sys
from collections import Counter

import pytest

from service.doors.inserts import InsertOptions, Inserts
from service.judge.process.process_client import WORTH, WorkerProcess
from service.judge.rulebook import Rulebook
from service.runtime.metrics import Metrics
from service.warehouse.work import Outcome
from service.warehouse.writer import Writer
from tests.support.rows import AVRO, JSON, in_avro
from tests.support.tables import DICTIONARY, answer, department


@pytest.mark.parametrize(("content_type", "here"), [(AVRO, False), (JSON, True)])
def test_the_rows_of_a_small_body_are_judged_by_the_event_loop_unless_it_is_avro(
    writer: Writer, content_type: str, here: bool
) -> None:
    rulebook, worker = Rulebook.of(DICTIONARY), WorkerProcess(wanted=False)
    inserts = Inserts(writer, Metrics(), worker, lambda: rulebook, 1000)
    rows = [department(10 + n) for n in range(500)]
    body = in_avro(rows) if content_type == AVRO else b'[{"id": 9, "department": "x"}]'
    assert len(body) < WORTH
    options = InsertOptions(render=lambda _: answer("key", "asks", ""))
    calls: Counter[str] = Counter()  # of this thread

    async def insert() -> None:
        outcome = await inserts.insert("departments", body, content_type, options)
        assert isinstance(outcome, Outcome)
        assert not outcome.verdicts[0].rejected

    sys.setprofile(lambda frame, *_: calls.update([frame.f_code.co_qualname]))
    try:
        asyncio.run(insert())
    finally:
        sys.setprofile(None)
        inserts.close()
    assert bool(calls["Judge.decoded"]) == here
