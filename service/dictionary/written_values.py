"""How a written value is read: from JSON and the like, or from text; and how texts must look."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias
from uuid import UUID

Written: TypeAlias = Any


NUL, HAS_NUL = "\0", "has a NUL character, which no text may have"


YEAR = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"


DATE = YEAR + r"-[0-9]{2}-[0-9]{2}"


TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"


_TO_MICROSECONDS = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6}0*)?"


# A date-time of RFC 3339, section 5.6, and what is written nearly so.
TIMESTAMP = DATE + "[Tt ]" + _TO_MICROSECONDS + r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"


# A time of day without date and offset: RFC 3339's partial-time.
TIME_OF_DAY = _TO_MICROSECONDS


# A date-time of RFC 3339, whose offset is needed.
AWARE_TIMESTAMP = DATE + "[Tt ]" + _TO_MICROSECONDS + r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"


# As RFC 9562, section 4, writes it.
UUID_FORM = r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"


# What utc_datetime takes: each of RFC 3339 whose offset is zero.
RFC3339_UTC = DATE + "[Tt]" + _TO_MICROSECONDS + r"([Zz]|[+-]00:00)"


UTC_TIMESTAMP = DATE + "T" + TIME + "Z"


_is_whole = re.compile(r"-?[0-9]+(\.0+)?").fullmatch


_is_number = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch


_is_date = re.compile(DATE).fullmatch


_is_timestamp = re.compile(TIMESTAMP).fullmatch


_is_aware_timestamp = re.compile(AWARE_TIMESTAMP).fullmatch


_is_time_of_day = re.compile(TIME_OF_DAY).fullmatch


_is_uuid = re.compile(UUID_FORM).fullmatch


class JsonText(str):
    """A value as it was written in JSON."""

    __slots__ = ()


class Unreadable(ValueError):
    """A written value is not of its column's type; `said` of it, where that is not all."""

    def __init__(self, said: str | None = None) -> None:
        super().__init__(said)
        self.said = said


def read_whole(bits: int) -> Callable[[Written], int]:
    """Reads whole numbers of that many bits, signed; 3.0 is one."""
    limit = 1 << (bits - 1)

    def read(value: Written) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise Unreadable
        return value

    return read


def whole_from_text(text: str) -> int:
    """A whole number of at most 19 digits; "3.0" is one. Raises Unreadable."""
    digits = text.split(".")[0]
    # 19 digits are enough for 64 bits; int() refuses texts of thousands.
    if not _is_whole(text) or len(digits.lstrip("-0")) > 19:
        raise Unreadable
    return int(digits.lstrip("-").lstrip("0") or "0") * (-1 if digits.startswith("-") else 1)


def read_number(value: Written) -> float:
    """A finite number as a double. Raises Unreadable."""
    if type(value) not in (int, float):
        raise Unreadable
    try:
        number = float(value)
    except OverflowError:
        raise Unreadable from None
    if number - number != 0:  # infinite or not a number
        raise Unreadable
    return number


def number_from_text(text: str) -> float:
    """A number as JSON writes it, also with zeros before it. Raises Unreadable."""
    if not _is_number(text):
        raise Unreadable
    return float(text)


def read_boolean(value: Written) -> bool:
    """True or false, and no number. Raises Unreadable."""
    if type(value) is not bool:
        raise Unreadable
    return value


def boolean_from_text(text: str) -> bool:
    """True or false, in letters of either case. Raises Unreadable."""
    if text.lower() not in ("true", "false") or not text.isascii():
        raise Unreadable
    return text.lower() == "true"


def read_text(value: Written) -> str:
    """A text that UTF-8 can have and no NUL is in. Raises Unreadable."""
    if type(value) is not str:
        raise Unreadable
    if NUL in value:
        raise Unreadable(HAS_NUL)
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no encoding can keep
        raise Unreadable from None
    return value


def read_date(value: Written) -> str:
    """A date as ISO 8601 text. Raises Unreadable."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if type(value) is not str or not _is_date(value):
        raise Unreadable
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise Unreadable from None


def read_timestamp(value: Written) -> str:
    """A point in time as ISO 8601 text in UTC, with ``Z``. Raises Unreadable."""
    try:
        if isinstance(value, datetime):
            return _in_utc(value)
        if type(value) is not str or not _is_timestamp(value):
            raise Unreadable
        return _in_utc(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError):
        raise Unreadable from None


def read_aware_timestamp(value: Written) -> str:
    """The same of one that says its offset. Raises Unreadable."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise Unreadable
    if type(value) is str and not _is_aware_timestamp(value):
        raise Unreadable
    return read_timestamp(value)


def read_time(value: Written) -> str:
    """A time of day as ISO 8601 text, to the microsecond. Raises Unreadable."""
    if type(value) is time and value.tzinfo is None:
        return value.isoformat()
    if type(value) is not str or not _is_time_of_day(value):
        raise Unreadable
    return time.fromisoformat(value[: len("12:00:00.000000")]).isoformat()


def read_uuid(value: Written) -> str:
    """A UUID in lower case. Raises Unreadable."""
    if isinstance(value, UUID):
        return str(value)
    if type(value) is not str or not _is_uuid(value):
        raise Unreadable
    return value.lower()


def _in_utc(timestamp: datetime) -> str:
    aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
