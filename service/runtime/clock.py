"""The time, as the warehouse keeps it."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, in UTC and without a time zone, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)
