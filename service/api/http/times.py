"""Timestamps as clients see them: ISO 8601 in UTC, with ``Z``."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from msgspec import Meta

Timestamp: TypeAlias = Annotated[datetime, Meta(tz=True)]

FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - naive in UTC
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001


def in_utc(naive: datetime) -> datetime:
    """An aware timestamp in UTC of one that the warehouse keeps, which is naive."""
    return naive.replace(tzinfo=UTC)


def naive(timestamp: datetime | None) -> datetime | None:
    """A timestamp as the warehouse keeps it, naive in UTC; a naive one is in UTC already.

    Where it would be before the year 1 or after 9999, it is the first or last that there is.
    """
    if timestamp is None or timestamp.tzinfo is None:
        return timestamp
    try:
        return timestamp.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return FIRST if timestamp.year == 1 else LAST
