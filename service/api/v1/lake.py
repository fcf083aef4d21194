"""The lake: how far it is, shipping at once, and whether it is right."""

from contextlib import closing
from typing import Any

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency

from service.api.http.describing import described
from service.api.http.parameters import only_known
from service.errors import NotFound
from service.gate import Gate
from service.lake.lake_check import LakeCheck, check_lake
from service.lake.shipper import Shipper

NO_LAKE = "there is no lake here: the setting lake (GATEHOUSE_LAKE) names no place"


class LakeStatus(msgspec.Struct):
    """How far the lake is.

    `recorded` is the last sequence of the feed, `shipped` the last that is in the lake (null: not
    known yet), `waiting` how many there are between; `bytes` of them wait, for `lag_seconds`. Where
    changes are not `recording`, the outbox was full or the first snapshot waits: one follows.
    `failure` says what failed last, `problem` what kind of problem that is (`not-our-lake`).
    """

    place: str
    recorded: int
    shipped: int | None
    waiting: int | None
    bytes: int
    most_bytes: int
    lag_seconds: float
    recording: bool
    failure: str | None
    problem: str | None


class LakeController(Controller):
    """The lake."""

    path = "/v1/lake"
    tags = ("lake",)
    guards = (only_known,)

    @get("/", operation_id="show_lake", sync_to_thread=True, opt=described(problems=(404,)))
    def show_lake(self, gate: NamedDependency[Gate]) -> LakeStatus:
        """Says how far the lake is, and what failed last."""
        shipper = shipper_of(gate)
        shipper.look()
        return _status(gate, shipper)

    @post(
        "/ship",
        operation_id="ship_to_lake",
        status_code=200,
        sync_to_thread=True,
        opt=described(problems=(404, 409, 503, 507), role="operator"),
    )
    def ship_to_lake(self, gate: NamedDependency[Gate]) -> LakeStatus:
        """Ships all that waits, now, instead of within `lake_segment_seconds`."""
        shipper = shipper_of(gate)
        shipper.ship()
        return _status(gate, shipper)

    @post(
        "/verify",
        operation_id="verify_lake",
        status_code=200,
        sync_to_thread=True,
        opt=described(problems=(404, 409, 503, 507), role="operator"),
    )
    def verify_lake(self, gate: NamedDependency[Gate]) -> LakeCheck:
        """Reads all of the lake: each file's SHA-256 and rows, and that no sequence is missing.

        Then it replays the feed, and compares what comes of it with the tables and the books.
        """
        shipper = shipper_of(gate)
        shipper.check_ours()
        with gate.database.all_cores(), closing(gate.database.connect()) as connection:
            connection.begin()  # for temporary tables: nothing is committed
            return check_lake(connection, gate.dictionary, shipper.lake.store)


def shipper_of(gate: Gate) -> Shipper:
    """Who ships; NotFound where there is no lake."""
    if gate.shipper is None:
        raise NotFound(NO_LAKE)
    return gate.shipper


def _status(gate: Gate, shipper: Shipper) -> LakeStatus:
    assert gate.outbox
    state: Any = gate.outbox.state
    shipped = shipper.state.shipped
    return LakeStatus(
        place=shipper.lake.store.name,
        recorded=state.last,
        shipped=shipped,
        waiting=None if shipped is None else max(0, state.last - shipped),
        bytes=state.bytes,
        most_bytes=state.most_bytes,
        lag_seconds=round(shipper.lag(), 3),
        recording=state.recording,
        failure=shipper.state.failure,
        problem=shipper.state.problem,
    )
