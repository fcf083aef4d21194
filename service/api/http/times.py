"""Timestamps as clients see them: ISO 8601 in UTC, with ``Z``."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from msgspec import Meta

Timestamp: TypeAlias = Annotated[datetime, Meta(tz=True)]


def in_utc(naive: datetime) -> datetime:
    """An aware timestamp in UTC of one that the warehouse keeps, which is naive."""
    return naive.replace(tzinfo=UTC)


def naive(timestamp: datetime | None) -> datetime | None:
    """A timestamp as the warehouse keeps it, naive in UTC; a naive one is in UTC already."""
    if timestamp is None or timestamp.tzinfo is None:
        return timestamp
    return timestamp.astimezone(UTC).replace(tzinfo=None)
