"""The outbox of a service: the writer tells it of its transactions, the shipper empties it."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from typing import TypeVar

from service.dictionary import Dictionary
from service.engines.duckdb import DatabaseError
from service.engines.engine import Connection
from service.ops import changes
from service.outbox import feed_state
from service.outbox.book_rows import dictionary_rows
from service.outbox.content import DICTIONARY
from service.outbox.feed_state import FeedState
from service.outbox.recorder import Recorder
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger

T = TypeVar("T")
log = get_logger(__name__)


def _now() -> int:
    return round(utc_now().replace(tzinfo=UTC).timestamp() * 1_000_000)


class Outbox:
    """What was committed and is not in the lake yet.

    `begin`, `record`, and then `committed` or `rolled_back`: by whoever holds the writer's lock.
    """

    def __init__(self) -> None:
        self.state = FeedState(False, 0, 0, 0)
        self._known = False  # whether the state is that of the warehouse
        self._recorder: Recorder | None = None
        self._wanting: list[Callable[[], None]] = []
        self._wanted = threading.Lock()

    def begin(self, connection: Connection) -> None:
        """Listens to the transaction that has just begun."""
        if not self._known:
            self.state = feed_state.read(connection)
            self._known = True
        if self.state.recording:
            self._recorder = Recorder(connection, self.state.last + 1, self.state.room)
            changes.listen(connection, self._recorder)

    def record(self, connection: Connection) -> None:
        """Writes what the transaction has changed; the last step before the commit."""
        if self._recorder:
            changes.end_listening(connection)
            self._recorder.finish()

    def committed(self) -> None:
        """The transaction is in the warehouse: its changes are part of the feed."""
        done, self._recorder = self._recorder, None
        if done is None:
            return
        if done.is_full:
            self.state = replace(self.state, recording=False)
            self._tell_full()
        elif done.parts:
            since = self.state.since or _now()
            size = self.state.bytes + done.bytes
            self.state = replace(self.state, last=done.sequence, bytes=size, since=since)
            self._tell()

    def rolled_back(self, connection: Connection) -> None:
        """Nothing of the transaction is in the warehouse; or no one knows."""
        changes.end_listening(connection)
        self._recorder, self._known = None, False

    def outdate(self) -> None:
        """Someone else may have recorded something, a build say."""
        self._known = False

    def look(self, connection: Connection) -> None:
        """Takes up what someone else has recorded, as `connection` sees it."""
        with suppress(DatabaseError):
            before, self.state = self.state, feed_state.read(connection)
            self._known = True
            if before.recording and not self.state.recording:
                self._tell_full()
            self._tell()

    def take_dictionary(self, connection: Connection, dictionary: Dictionary) -> None:
        """Records, in the open transaction, that the dictionary has become another, if it has."""
        listener = changes.listener_of(connection)
        if listener is None or self.state.dictionary == dictionary.version:
            return
        listener.add(DICTIONARY, "upsert", dictionary_rows(connection, dictionary))
        feed_state.set_dictionary(connection, dictionary.version)
        self._known = False

    def changing(self, change: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """A change of the feed itself, for the writer to run."""

        def run(connection: Connection) -> T:
            result = change(connection)
            self.state = feed_state.read(connection)  # that of before, if the commit fails
            return result

        return run

    def when_more(self, call: Callable[[], None]) -> Callable[[], None]:
        """Has `call` called after each commit that is part of the feed; returns what ends that."""
        with self._wanted:
            self._wanting.append(call)

        def end() -> None:
            with self._wanted, suppress(ValueError):
                self._wanting.remove(call)

        return end

    def _tell_full(self) -> None:
        log.error("outbox_full", bytes=self.state.bytes, most_bytes=self.state.most_bytes)

    def _tell(self) -> None:
        with self._wanted:
            wanting = [*self._wanting]
        for call in wanting:
            call()
