"""Values that are read from what was written, digit by digit: decimals and JSON documents.

A decoder would make binary numbers of them. So a body's value comes as `JsonText` where it was
JSON. Both are read to text: a decimal as the warehouse writes it, a document in its canonical form.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

from service.dictionary.written_values import JsonText, Unreadable, Written

DEEPEST = 60  # levels of a document, within a row which may have 64
_LONGEST_EXPONENT = 6  # digits; a number with a longer one is 0 or fits no decimal
_is_decimal = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_number = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?").fullmatch
_quoted = json.encoder.encode_basestring


class DecimalReader:
    """Reads decimals of `precision` digits, `scale` of them behind the point; rounds none."""

    def __init__(self, precision: int, scale: int) -> None:
        self._whole, self._scale = precision - scale, scale

    def from_text(self, text: str) -> str:
        """A number as it is written, without exponent; zeros before and behind are let be.

        Raises:
            Unreadable: it is none, or has more digits.
        """
        if not _is_decimal(text):
            raise Unreadable
        return self._fitting(text)

    def read(self, value: Written) -> str:
        """The same of a number or a text; a binary one must be a decimal exactly."""
        if isinstance(value, JsonText):
            return self._from_json(value)
        if isinstance(value, str):
            return self.from_text(value)
        if type(value) is int or isinstance(value, Decimal):
            return self._fitting(format(value, "f") if isinstance(value, Decimal) else _int(value))
        if type(value) is float and isfinite(value):
            try:
                return self._fitting(format(Decimal(value), "f"))
            except Unreadable:
                said = "is a binary number that is no such decimal; send it as text"
                raise Unreadable(said) from None
        raise Unreadable

    def _from_json(self, text: str) -> str:
        if text[:1] == '"':
            return self.from_text(msgspec.json.decode(str(text)))
        return self._fitting(text)

    def _fitting(self, text: str) -> str:
        """The number with as many digits behind the point as the type has."""
        found = _number(text)
        if found is None:
            raise Unreadable
        sign, whole, fraction, exponent = found[1], found[2], found[3] or "", found[4] or "0"
        if exponent != "0":
            whole, fraction = _moved(whole, fraction, exponent)
        whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
        if len(whole) > self._whole or len(fraction) > self._scale:
            raise Unreadable
        if not (whole or fraction):
            sign = ""
        point = "." if self._scale else ""
        return f"{sign}{whole or '0'}{point}{fraction.ljust(self._scale, '0')}"


def whole_in_json(text: JsonText) -> int | None:
    """A whole number of at most 19 digits, however it is written; None where there is none."""
    try:
        return int(_WHOLE.read(text)) if text[:1] != '"' else None
    except Unreadable:
        return None


_WHOLE = DecimalReader(19, 0)


def _int(value: int) -> str:
    if value.bit_length() > 256:  # Python refuses to write thousands of digits
        raise Unreadable
    return str(value)


def _moved(whole: str, fraction: str, exponent: str) -> tuple[str, str]:
    """The digits before and behind the point, once it was moved."""
    digits = whole + fraction
    if not digits.strip("0"):
        return "0", ""
    if len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT:
        raise Unreadable
    place = len(whole) + int(exponent)
    if abs(place) > len(digits) + 2 * DEEPEST:
        raise Unreadable
    digits = "0" * -place + digits
    place = max(place, 0)
    return digits[:place].ljust(place, "0"), digits[place:]


def document_from_text(text: str) -> str:
    """A JSON document (RFC 8259) in its canonical form: members sorted by name, no white space.

    Numbers stay as they are written; of texts the characters count, not how they are escaped.

    Raises:
        Unreadable: it is no JSON, or null, or has a member twice, or more than 60 levels.
    """
    try:
        document = _decoder.decode(text)
        if document is None:  # that is no value
            raise Unreadable
        written = _written(document, 0)
        written.encode()
    except Unreadable:
        raise
    except (ValueError, RecursionError):  # a lone surrogate, too
        raise Unreadable from None
    return written


def read_document(value: Written) -> str:
    """The same of a value: JSON as it was written, or lists, maps, numbers and texts."""
    if isinstance(value, JsonText):
        return document_from_text(value)
    try:
        _check_names(value)
        return document_from_text(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise Unreadable from None


def _check_names(value: Any) -> None:
    if isinstance(value, dict):
        if not all(type(name) is str for name in value):
            raise Unreadable
        value = value.values()
    elif not isinstance(value, list):
        return
    for each in value:
        _check_names(each)


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Unreadable
    return members


def _constant(_: str) -> Any:
    raise Unreadable


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Digits, parse_float=_Digits, parse_constant=_constant
)


def _written(value: Any, depth: int) -> str:
    if depth > DEEPEST:
        raise Unreadable
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        members = (f"{_quoted(each)}:{_written(value[each], depth + 1)}" for each in sorted(value))
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(_written(each, depth + 1) for each in value)}]"
    return {None: "null", True: "true", False: "false"}[value]


ReadExactly = Callable[[Written], str]
