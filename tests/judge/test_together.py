"""Requests that are judged together get what each would get alone."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import MalformedBody, WrongNumberOfRows
from service.formats.bodies.body_rows import rows_of
from service.judge.batch import Batch
from service.judge.judge import Judge
from service.judge.micro_batches import SMALL, MicroBatcher
from tests.support.world import column, key, table

JUDGE = Judge(
    table(
        "notes",
        key(),
        column("text", "varchar", not_blank={}, max_length={"length": 5}),  # nullable
        column("at", "timestamp", not_null={}, utc_datetime={}),
        column("on", "date"),
        column("share", "double", in_range={"max": 1}),
    )
)
AT = "2021-07-27T16:02:08Z"
SOUND = {"id": 1, "text": "a: b", "at": AT, "on": None, "share": 0.5}
rows = st.fixed_dictionaries(
    {"id": st.integers(-3, 3) | st.sampled_from([None, "1", 2**31])},
    optional={
        "text": st.sampled_from([None, "a", "::", "\\", "  ", "", "longer", 5]),
        "at": st.sampled_from([AT, "2021-02-30T16:02:08Z", "2021-07-27", "1021-07-27T16:02:08.5Z"]),
        "on": st.sampled_from([None, "2021-07-27", "2021-02-30", "27.7.2021", "２021-07-27"]),
        "share": st.sampled_from([None, 0.5, 1, 2]),
        "more": st.just(1),
    },
)
written = st.one_of(
    st.just(SOUND).map(msgspec.json.encode),
    rows.map(msgspec.json.encode),
    st.sampled_from([
        b'{"id":1,"id":2,"at":"2021-07-27T16:02:08Z"}',
        b'{"id":1,"text":"\\u003a","at":"2021-07-27T16:02:08Z"}',
        b'{"id":1,"\\u0061t":"2021-07-27T16:02:08Z","at":"2021-07-27T16:02:08Z"}',
        b"5",
    ]),
)  # fmt: skip
bodies = st.lists(written, min_size=1, max_size=4).map(lambda rows: b"[%b]" % b",".join(rows))


def together(*bodies: bytes, most: int = 1000) -> list[Any]:
    async def judged() -> list[Any]:
        judges = MicroBatcher(JUDGE)
        asked = (judges.judge(rows_of(body, ""), most) for body in bodies)
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(judged())


def said(batch: Batch) -> tuple[Any, ...]:
    broken = {position: (each.violations, each.keys) for position, each in batch.broken.items()}
    keys = {name: list(values) for name, values in batch.keys.items()}
    return batch.received, batch.fitting.to_pylist(), list(batch.positions), keys, broken


def alone(body: bytes) -> Batch:
    return JUDGE.judge(rows_of(body, ""), 1000)


def each_alone(body: bytes) -> tuple[Any, ...]:
    """What a body gets when each of its rows is a request of its own."""
    raws = msgspec.json.decode(body, type=list[msgspec.Raw])
    batches = [alone(b"[%b]" % bytes(raw)) for raw in raws]
    fitting = [row for batch in batches for row in batch.fitting.to_pylist()]
    broken = {
        position: (batch.broken[0].violations, batch.broken[0].keys)
        for position, batch in enumerate(batches)
        if batch.broken
    }
    return fitting, broken


@settings(deadline=None, max_examples=120)
@given(st.lists(bodies, min_size=1, max_size=5))
def test_a_request_gets_what_it_would_get_alone(sent):
    assert [said(batch) for batch in together(*sent)] == [said(alone(body)) for body in sent]


@settings(deadline=None, max_examples=120)
@given(bodies)
def test_a_row_gets_what_it_would_get_alone(body):
    _, fitting, _, _, broken = said(alone(body))
    assert (fitting, broken) == each_alone(body)


def test_all_that_fit_are_parts_of_one_table_of_columns():
    sent = [b"[%b]" % msgspec.json.encode(SOUND | {"id": number}) for number in range(20)]
    batches = together(*sent)
    assert [batch.fitting["id"].to_pylist() for batch in batches] == [[n] for n in range(20)]
    assert len({batch.fitting["id"].chunk(0).buffers()[1].address for batch in batches}) == 1


def test_what_cannot_be_judged_is_told_to_its_request_alone():
    sound = msgspec.json.encode([SOUND])
    found = together(sound, b"[", b"[]", msgspec.json.encode([SOUND] * 3), sound, most=2)
    assert [type(each) for each in found] == [
        Batch,
        MalformedBody,
        WrongNumberOfRows,
        WrongNumberOfRows,
        Batch,
    ]


@pytest.mark.parametrize("number", [SMALL, SMALL + 1])
def test_small_and_large_requests_get_the_same(number):
    body = msgspec.json.encode([SOUND | {"id": n} for n in range(number)])
    (batch,) = together(body)
    assert said(batch) == said(alone(body))


def test_a_request_that_is_cancelled_leaves_the_others():
    async def judged() -> tuple[bool, Batch]:
        judges = MicroBatcher(JUDGE)
        rows = rows_of(msgspec.json.encode([SOUND]), "")
        tasks = [asyncio.create_task(judges.judge(rows, 9)) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        other = await tasks[1]
        return tasks[0].cancelled(), other

    cancelled, other = asyncio.run(judged())
    assert cancelled
    assert other.fitting.num_rows == 1


def test_bad_rows_among_many_are_found_where_they_are():
    """Decoding goes by blocks where some rows do not fit."""
    rows: list[Any] = [SOUND | {"id": number} for number in range(200)]
    rows[0], rows[24], rows[25], rows[199] = {}, {"id": None}, 7, {**SOUND, "more": 1}
    rows[60], rows[61] = {**SOUND, "at": "2021-02-30T00:00:00Z"}, {**SOUND, "text": " "}
    batch = alone(msgspec.json.encode(rows))
    assert sorted(batch.broken) == [0, 24, 25, 60, 61, 199]
    assert batch.fitting["id"].to_pylist() == [
        row["id"] for i, row in enumerate(rows) if i not in batch.broken
    ]


def test_colons_that_one_request_hides_do_not_hide_fields_that_another_repeats():
    escaped = b'[{"id":1,"text":"\\u003a","at":"2021-07-27T16:02:08Z"}]'
    assert sum(each.fitting.num_rows for each in together(escaped)) == 1
    for times in range(1, 12):
        repeating = b'[{%b"id":1,"at":"2021-07-27T16:02:08Z"}]' % (b'"id":1,' * times)
        fitting = [batch.fitting.num_rows for batch in together(escaped, repeating)]
        assert fitting == [1, 0]
