"""The thread that ships: every few seconds, and earlier when a segment is full."""

import threading
from datetime import UTC, datetime

import msgspec

from service.errors import Problem
from service.lake.lake import Lake
from service.lake.shipping import Shipping
from service.outbox.outbox import Outbox
from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics

log = get_logger(__name__)
RETRY_SECONDS = 30.0  # at most, when the store was away


class ShipState(msgspec.Struct, frozen=True):
    """How far the lake is: its last sequence (None: not known yet), and what failed last.

    `problem` is the last part of the type of that problem (``not-our-lake``).
    """

    shipped: int | None = None
    failure: str | None = None
    problem: str | None = None


class Shipper:
    """Start it with `start`; `ship` does a round at once; end it with `stop`."""

    def __init__(
        self,
        shipping: Shipping,
        outbox: Outbox,
        lake: Lake,
        metrics: Metrics,
        seconds: float,
        segment_bytes: int,
    ) -> None:
        """A round every `seconds`, or when `segment_bytes` wait."""
        self._shipping, self._outbox, self.lake, self._metrics = shipping, outbox, lake, metrics
        self._seconds, self._segment_bytes = seconds, segment_bytes
        self._woken, self._ended = threading.Event(), threading.Event()
        self._working = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="shipper", daemon=True)
        self._end_of_calls = outbox.when_more(self._wake_if_full)
        self.state = ShipState()

    def start(self) -> None:
        """Begins with what a service before has left."""
        self._thread.start()

    def stop(self) -> None:
        """Ends with the segment that is being written; the rest is for the next start."""
        self._end_of_calls()
        self._ended.set()
        self._shipping.is_ending = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        self._give_up_lease()

    def ship(self) -> ShipState:
        """Ships what waits, now.

        Raises:
            Problem: it cannot be done, and why.
        """
        with self._working:
            try:
                count = self._shipping.round()
            except Problem as error:
                self._metrics.shipments.labels("failed").inc()
                self._failed(error)
                raise
            if count:
                self._metrics.shipments.labels("done").inc()
            self.state = ShipState(self._shipping.reached)
            return self.state

    def look(self) -> None:
        """Says how far the lake is where no thread ships, and what would fail; changes nothing."""
        if not self._thread.is_alive():
            with self._working:
                try:
                    self.state = ShipState(self._shipping.look())
                except Problem as error:
                    self._failed(error)

    def check_ours(self) -> None:
        """Nothing, where the lake is this gate's.

        Raises:
            NotOurLake, StoreUnavailable: it is not, or is away.
        """
        self.lake.check_ours(is_known=self._shipping.is_known())

    def _failed(self, error: Problem) -> None:
        self.state = ShipState(self._shipping.reached, error.detail, error.slug)

    def lag(self) -> float:
        """For how long the oldest change that is not in the lake waits, in seconds."""
        since = self._outbox.state.since
        if since is None:
            return 0.0
        return max(0.0, datetime.now(UTC).timestamp() - since / 1_000_000)

    def is_settled(self, base: int) -> bool:
        """Whether what the outbox begins behind is known to be in the lake."""
        return self.state.shipped is not None and self.state.shipped >= base

    def _wake_if_full(self) -> None:
        if self._outbox.state.bytes >= self._segment_bytes:
            self._woken.set()

    def _work(self) -> None:
        while not self._ended.is_set():
            if self._round():
                self._woken.wait(self._seconds)
            else:  # where a segment is full, each commit would have it tried again at once
                self._ended.wait(min(self._seconds, RETRY_SECONDS))
            self._woken.clear()

    def _round(self) -> bool:
        """Whether it went well; if not, the log says why."""
        try:
            self.ship()
        except Problem as error:
            log.error("shipping_failed", reason=error.detail)
            return False
        except Exception as error:
            log.exception("shipping_failed")
            said = f"it ended by {type(error).__name__}"
            self.state = ShipState(self._shipping.reached, said, Problem.slug)
            return False
        return True

    def _give_up_lease(self) -> None:
        try:
            self.lake.release()
        except Problem as error:
            log.warning("lease_not_given_up", reason=error.detail)
