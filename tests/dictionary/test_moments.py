"""Timestamps read many at a time: the same as one by one."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.dictionary.column_types import TYPES
from service.dictionary.rules import KINDS
from service.dictionary.timestamps import read_seconds
from service.dictionary.written_values import DATE, RFC3339_UTC, Unreadable
from tests.support.cases import RULINGS

TIMESTAMP = TYPES["timestamp"]
moments = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
)
# Of the usual form but for a digit, or of its length but for its form.
slips = st.builds(
    lambda text, place, slip: text[:place] + slip + text[place + 1 :],
    moments,
    st.integers(0, 19),
    st.sampled_from("0123456789:-TZ \n٣é"),
)
texts = st.lists(
    moments | slips | st.text(min_size=20, max_size=20) | st.text(max_size=42), max_size=8
)


def one_by_one(text: str) -> datetime | None:
    """What the door reads a text as, where it is written as the quick way expects."""
    try:
        read = TIMESTAMP.read(text) if len(text) == 20 and text[10::9] == "TZ" else None
    except Unreadable:
        return None
    return read and datetime.fromisoformat(read[:-1])


def values(array: pa.Array, doubted: Any) -> list[Any]:
    """None for those that are doubted, whose value means nothing."""
    return pc.if_else(pa.array(doubted), None, array).to_pylist()  # type: ignore[no-any-return]


@settings(deadline=None, max_examples=150)
@given(texts)
@example(["2021-07-27T16:02:08", "Z2021-07-27T16:02:08Z"])  # together as long as two
@example(["000000000\x80\x80\u0800\U00010000"])  # twenty bytes, and fewer characters
@example(["2021-07-27T16:02:08Z\n2021-07-27T16:02:08Z", ""])
@example([f"{year:04}-{month:02}-29T00:00:00Z" for year in (0, 1, 1900, 2000, 2023, 2024)
          for month in (0, 2, 13)])  # fmt: skip
def test_many_are_read_as_one_is(written):
    found = read_seconds(written)
    if found is None:
        assert not written or any(len(text) != 20 or not text.isascii() for text in written)
        return
    array, wrong = found
    assert values(array, wrong) == [one_by_one(text) for text in written]


@pytest.mark.parametrize("ruling", [each for each in RULINGS if each.kind == "utc_datetime"])
def test_the_pattern_that_is_told_takes_what_the_rule_takes(ruling):
    try:
        fits = TIMESTAMP.read(ruling.text) is not None and not ruling.broken
    except Unreadable:
        return  # 30 February: that is what the format date-time is for
    assert bool(re.fullmatch(RFC3339_UTC, ruling.text)) == fits


@settings(deadline=None, max_examples=120)
@given(
    st.from_regex(re.compile(RFC3339_UTC, re.ASCII), fullmatch=True)
    | st.from_regex(re.compile(DATE + r"[Tt ][0-9:.]{0,20}([Zz]|[+-]0[0-9]:00)?"), fullmatch=True)
)
def test_what_the_pattern_takes_is_read_but_for_days_that_are_in_no_calendar(text):
    fits = re.fullmatch(RFC3339_UTC, text) is not None
    try:
        TIMESTAMP.read(text)
    except Unreadable:
        if fits:
            with pytest.raises(ValueError, match=r"day|month"):
                date.fromisoformat(text[:10])
        return
    broken = KINDS["utc_datetime"].breaks({}, pa.array([None]), pa.array([text]))
    assert broken.to_pylist() == [not fits]


def test_a_missing_one_is_not_for_the_quick_way():
    assert read_seconds(["2021-07-27T16:02:08Z", None]) is None


@settings(deadline=None, max_examples=100)
@given(st.lists(st.none() | moments | slips | st.text(max_size=30), max_size=6))
def test_a_value_that_is_not_doubted_is_what_it_reads_as(written):
    array, doubted = TIMESTAMP.decoded(written)
    read = zip(written, values(array, doubted), doubted, strict=True)
    for text, moment, doubt in read:
        if text is None:
            assert moment is None
            assert not doubt
        elif not doubt:
            assert moment.isoformat() + "Z" == TIMESTAMP.read(text)
