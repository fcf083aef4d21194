"""The process that judges large bodies: it reads questions from a socket and answers each in turn.

    python -m service.judge.process.worker <descriptor of the socket>

It has no state but the dictionary, keeps nothing, and ends when the other end is gone, however
that came to its end: the system closes the socket then.
"""

import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from service.dictionary import Table
from service.errors import Problem
from service.formats.bodies.body_rows import rows_of
from service.judge.judge import Judge
from service.judge.process.frames import DICTIONARY, HEADER, frame, said_in, verdict_of
from service.runtime.interpreter import collect_less


def main(descriptor: int) -> None:
    """Answers until the end of the socket."""
    for asked_to_end in (signal.SIGINT, signal.SIGTERM):  # the service says when, once it is ready
        signal.signal(asked_to_end, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as connection:
        judging = Worker()
        try:
            while question := _received(connection):
                for part in judging.answer(*question):
                    connection.sendall(part)
        except ConnectionError:  # it is gone: no one waits for this
            return


class Worker:
    """Judges by the dictionary that came last."""

    def __init__(self) -> None:
        self._judges: dict[str, Judge] = {}

    def answer(self, number: int, words: bytes, data: bytes) -> list[bytes | memoryview]:
        """The frame to send back; it says None where the service has to judge by itself."""
        said = said_in(words)
        if number == DICTIONARY:
            self._adopt(said)
            return frame(DICTIONARY, None)
        try:
            return frame(number, *self._judged(data, *said))
        except Problem as problem:
            return frame(number, problem)
        except Exception:  # noqa: BLE001 - whatever it is, the service meets and tells it
            return frame(number, None)

    def _adopt(self, tables: Mapping[str, Table]) -> None:
        self._judges = {name: Judge(table) for name, table in tables.items()}
        collect_less()

    def _judged(
        self, body: bytes, table: str, media_type: str, max_rows: int
    ) -> tuple[Any, memoryview]:
        judge = self._judges[table]
        return verdict_of(judge.judge(rows_of(body, media_type, judge.table), max_rows))


def _received(connection: socket.socket) -> tuple[int, bytes, bytes] | None:
    header = _read(connection, HEADER.size)
    if header is None:
        return None
    number, words, data = HEADER.unpack(header)
    rest = _read(connection, words + data)
    return None if rest is None else (number, bytes(rest[:words]), bytes(rest[words:]))


def _read(connection: socket.socket, size: int) -> memoryview | None:
    """So many bytes, or None where the other end is gone."""
    found = memoryview(bytearray(size))
    have = 0
    while have < size:
        got = connection.recv_into(found[have:])
        if not got:
            return None
        have += got
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
