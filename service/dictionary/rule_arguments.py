"""The arguments of a rule: what they lack, and what they mean in words and to msgspec."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.column_types import TYPES
from service.dictionary.typed_values import NUMBERS as _WHOLE
from service.dictionary.written_values import Unreadable

TEXT = frozenset({"varchar"})
WHOLE = _WHOLE
NUMBERS = WHOLE | {"double"}
MOST_DIGITS = 38  # of a decimal
EXACT_DIGITS = 15  # of a decimal that a binary number gives back as it was written
_DECIMAL = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?").fullmatch


def bounds(args: dict[str, Any]) -> str:
    """What `min` and `max` say in words: "at least 1 and at most 5"."""
    signs = (
        ("more than", "less than") if args.get("inclusive") is False else ("at least", "at most")
    )
    ends = zip(("min", "max"), signs, strict=True)
    return " and ".join(f"{sign} {args[end]}" for end, sign in ends if end in args)


def characters(args: dict[str, Any]) -> str:
    """What `length` says in words: "1 character", "255 characters"."""
    return f"{args['length']} character{'' if args['length'] == 1 else 's'}"


def one_of(args: dict[str, Any]) -> str:
    """What `values` say in words: "one of day, night"."""
    return f"one of {', '.join(map(str, args['values']))}"


def range_meta(args: dict[str, Any]) -> dict[str, Any]:
    """`min` and `max` as msgspec.Meta takes them."""
    return {limit: args[end] for end, limit in (("min", "ge"), ("max", "le")) if end in args}


def no_meta(_args: dict[str, Any]) -> dict[str, Any]:
    """Nothing that msgspec could judge by."""
    return {}


def nothing_lacks(_args: dict[str, Any], _type_name: str) -> str | None:
    """Of a rule that needs no arguments, or whose arguments are looked at elsewhere."""
    return None


def lacks_length(args: dict[str, Any], _type_name: str) -> str | None:
    """What is wrong with `length`; None where nothing is."""
    return None if type(args.get("length")) is int else "length, a whole number"


def lacks_bounds(args: dict[str, Any], type_name: str) -> str | None:
    """What is wrong with `min` and `max`, of a column of that type; None where nothing is."""
    bounds = [args[end] for end in ("min", "max") if end in args]
    if type(args.get("inclusive", True)) is not bool:
        return "inclusive, true or false"
    if bounds and all(_says_value(bound, type_name) for bound in bounds):
        return None
    return f"min or max, {_values_of(type_name)}"


def lacks_values(args: dict[str, Any], type_name: str) -> str | None:
    """What is wrong with `values`, of a column of that type; None where nothing is."""
    values = args.get("values")  # YAML reads NO as false
    if values and all(_says_value(value, type_name) for value in values):
        return None
    return f"values, {_values_of(type_name)}"


def _says_value(said: Any, type_name: str) -> bool:
    """Whether an argument, as YAML has it, says a value of a column of that type."""
    if type_name in WHOLE:
        return type(said) is int
    if type_name in NUMBERS:
        return type(said) in (int, float)
    if type_name.startswith("decimal"):
        return type(said) is int or _says_decimal(said)
    if type_name == "boolean":
        return type(said) is bool
    return type(said) is str and _is_readable(said, type_name)


def _says_decimal(said: Any) -> bool:
    """Whether a text or a binary number says a decimal with every digit."""
    found = _DECIMAL(str(said)) if type(said) in (str, float) else None
    most = MOST_DIGITS if type(said) is str else EXACT_DIGITS
    return found is not None and len(found[1] + (found[2] or "")) <= most


def _is_readable(text: str, type_name: str) -> bool:
    known = TYPES.get(type_name)
    try:
        return known is None or known.from_text(text) is not None
    except Unreadable:
        return False


def _values_of(type_name: str) -> str:
    if type_name in WHOLE:
        return "whole numbers"
    if type_name in NUMBERS:
        return "numbers"
    if type_name.startswith("decimal"):
        return f"numbers, those of more than {EXACT_DIGITS} digits as texts"
    if type_name == "boolean":
        return "true or false"
    return "texts" if type_name in TEXT else f"texts, each a {type_name}"


def whole_of(regex: str) -> str:
    """A regular expression that stands for the text from end to end."""
    return rf"\A(?:{regex})\z"


def lacks_regex(args: dict[str, Any], _type_name: str) -> str | None:
    """What is wrong with `regex`; None where nothing is."""
    regex = args.get("regex")
    if type(regex) is not str:
        return "regex, a text"
    try:
        pc.match_substring_regex(pa.array([""]), whole_of(regex))
    except pa.ArrowInvalid as error:
        return f"regex, a regular expression of RE2: {error}"
    return None


def lacks_expression(args: dict[str, Any], _type_name: str) -> str | None:
    """What is wrong with `expression`; None where nothing is."""
    return None if type(args.get("expression")) is str else "expression, a text"


def lacks_columns(args: dict[str, Any], _type_name: str) -> str | None:
    """What is wrong with `combination_of_columns`; None where nothing is."""
    names = args.get("combination_of_columns")
    known = names if isinstance(names, list | tuple) else ()
    is_list = all(type(name) is str for name in known)
    return None if is_list and len(set(known)) > 1 else "combination_of_columns, two names or more"
