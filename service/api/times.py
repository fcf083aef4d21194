"""Moments, as clients see them: ISO 8601 in UTC, with ``Z``."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from msgspec import Meta

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


def in_utc(naive: datetime) -> datetime:
    """A moment as the warehouse keeps it, without the time zone that it is in."""
    return naive.replace(tzinfo=UTC)
