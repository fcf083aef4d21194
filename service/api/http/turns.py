"""Turns of connections that send several requests at once: they keep no one else waiting."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import repeat

AT_ONCE = 4  # requests that are begun before everyone else has a turn


class Turns:
    """The turns of one server: what waited behind an answer begins a few at a time, in order.

    Between two turns the loop accepts and reads. So a newcomer waits for a few requests, not for
    all that hundreds of connections have sent ahead.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()
        self._is_coming = False  # whether the next turn is in the loop's queue

    def wait(self, begin: Callable[[], object]) -> None:
        """Calls `begin` when it is its turn."""
        self._waiting.append(begin)
        self._come()

    def _come(self) -> None:
        if self._waiting and not self._is_coming:
            self._is_coming = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_coming = False
        try:
            for _ in repeat(None, min(AT_ONCE, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            self._come()
