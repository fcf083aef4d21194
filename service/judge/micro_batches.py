"""Judges small requests that come at the same time in one go: most of what a row costs on its
own is the way to its columns and back, which a thousand rows share as well as one.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from service.formats.bodies.rows_protocol import Rows
from service.judge.batch import Batch
from service.judge.judge import Judge

SMALL = 50  # rows; a request of more is judged alone


class MicroBatcher:
    """Judges for one table, in the event loop."""

    def __init__(self, judge: Judge) -> None:
        self.alone = judge
        self._waiting: list[tuple[Rows, Sequence[Any], asyncio.Future[Batch]]] = []

    async def judge(self, rows: Rows, max_rows: int) -> Batch:
        """As Judge.judge."""
        structs = self.alone.decoded(rows, max_rows)
        if len(structs) > SMALL or None in structs:
            return self.alone.judge_decoded(rows, structs)
        loop = asyncio.get_running_loop()
        if not self._waiting:  # whoever is ready to run now comes before this
            loop.call_soon(self._judge_waiting)
        judged: asyncio.Future[Batch] = loop.create_future()
        self._waiting.append((rows, structs, judged))
        return await judged

    def _judge_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        batches: list[Batch] | None = None
        with suppress(Exception):  # whoever it concerns is told of it below
            batches = self.alone.judge_fitting([(rows, structs) for rows, structs, _ in waiting])
        for i, (rows, structs, judged) in enumerate(waiting):
            if judged.done():  # its request was cancelled
                continue
            try:
                batch = batches[i] if batches else self.alone.judge_decoded(rows, structs)
                judged.set_result(batch)
            except Exception as error:  # noqa: BLE001 - it is told to whom it concerns
                judged.set_exception(error)
