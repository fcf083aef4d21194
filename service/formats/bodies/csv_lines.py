"""Rows to lines of CSV (RFC 4180) that our own readers, and others, read as the same values.

A plain writer quotes what RFC 4180 asks for. Readers of files take off the spaces around what is
not in quotes, find out the delimiter from what stands outside of them, and take an empty field for
no value: so every text that does not begin and end with a letter or a digit is in quotes, and every
one that has a delimiter or a break within.
"""

import re
from collections.abc import Iterable
from typing import Any

_needs_quotes = re.compile(r'\A\W|\W\Z|[",;|\x00-\x1f\x7f-\x9f\u2028\u2029]').search


def csv_line(values: Iterable[Any]) -> str:
    r"""A line with its end, ``\r\n``; None is an empty field, a text without characters ``""``."""
    return (",".join(map(_field, values)) or '""') + "\r\n"


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if not value or _needs_quotes(value):
            return '"' + value.replace('"', '""') + '"'
        return value
    return str(value).lower() if value is True or value is False else str(value)
