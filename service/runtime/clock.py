"""Timestamps as the warehouse stores them."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current time in UTC, without a time zone, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)
