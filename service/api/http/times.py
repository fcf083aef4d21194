"""Moments, as clients see them: ISO 8601 in UTC, with ``Z``."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from msgspec import Meta

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


def in_utc(naive: datetime) -> datetime:
    """A moment as the warehouse keeps it, without the time zone that it is in."""
    return naive.replace(tzinfo=UTC)


def naive(moment: datetime | None) -> datetime | None:
    """A moment as the warehouse keeps it; one without a time zone is in UTC."""
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)
