"""The arguments of a rule: what they lack, and what they mean in words and to msgspec."""

from typing import Any

from service.dictionary.typed_values import NUMBERS

WHOLE = NUMBERS


def bounds(args: dict[str, Any]) -> str:
    """What `min` and `max` say in words: "at least 1 and at most 5"."""
    ends = (("min", "least"), ("max", "most"))
    return " and ".join(f"at {word} {args[end]}" for end, word in ends if end in args)


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
    known = (int,) if type_name in WHOLE else (int, float)
    bounds = [args[end] for end in ("min", "max") if end in args]
    if bounds and all(type(bound) in known for bound in bounds):
        return None
    return f"min or max, {'whole ' if type_name in WHOLE else ''}numbers"


def lacks_values(args: dict[str, Any], type_name: str) -> str | None:
    """What is wrong with `values`, of a column of that type; None where nothing is."""
    known = int if type_name in WHOLE else str  # YAML reads NO as false
    if args.get("values") and all(type(value) is known for value in args["values"]):
        return None
    return f"values, {'whole numbers' if known is int else 'texts'}"
