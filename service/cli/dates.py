"""Options that name a day or a span of days."""

import re
from datetime import UTC, datetime, timedelta

import click

_is_days = re.compile(r"([1-9]\d{0,4})d").fullmatch


def date_option(
    _context: click.Context, option: click.Parameter, text: str | None
) -> datetime | None:
    """Click callback: a timestamp with a time zone from ISO 8601 or from a number of days.

    A timestamp without a zone is UTC. ``90d`` is 90 days ago for the options ``since`` and
    ``until``, and in 90 days for any other.

    Raises:
        click.BadParameter: the text is neither.
    """
    if text is None:
        return None
    if days := _is_days(text):
        span = timedelta(days=int(days[1]))
        now = datetime.now(UTC).replace(microsecond=0)
        return now - span if option.name in ("since", "until") else now + span
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text} is neither 90d nor 2027-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment_option(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """Click callback: as `date_option`, in ISO 8601, as the service takes it."""
    found = date_option(context, option, text)
    return None if found is None else found.isoformat()
