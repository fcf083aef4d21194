"""Whether a rule asks more of a value than the one that it replaces, or less."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from service.dictionary.rule import Rule
from service.dictionary.wider_types import in_order

# Of a rule in place of another: it keeps out more, fewer, or others.
Strictness: TypeAlias = Literal["tightened", "relaxed", "changed"]
Args: TypeAlias = Mapping[str, Any]


def strictness(new: Rule, old: Rule) -> Strictness:
    """Of a rule in place of another of its kind and column, which is not the same."""
    if new.where != old.where or (new.sql != old.sql and new.args == old.args):
        return "changed"
    by_args = _by_arguments(new.kind, new.args, old.args)
    if new.warns == old.warns:
        return by_args or "changed"
    by_severity: Strictness = "relaxed" if new.warns else "tightened"
    return by_severity if by_args in (None, by_severity) else "changed"


def _by_arguments(kind: str, new: Args, old: Args) -> Strictness | None:
    """None where they are the same."""
    if new == old:
        return None
    if kind == "max_length":
        return "tightened" if new["length"] < old["length"] else "relaxed"
    if kind == "min_length":
        return "tightened" if new["length"] > old["length"] else "relaxed"
    if kind == "accepted_values":
        return _by_values([*map(str, new["values"])], [*map(str, old["values"])])
    if kind == "in_range":
        return _by_bounds(new, old)
    return "changed"


def _by_values(new: list[str], old: list[str]) -> Strictness:
    if set(new) <= set(old):
        return "tightened"
    return "relaxed" if set(old) < set(new) else "changed"


def _by_bounds(new: Args, old: Args) -> Strictness:
    within = _is_within(new, old)
    if within and _is_within(old, new):
        return "changed"  # the same, written otherwise
    if within:
        return "tightened"
    return "relaxed" if _is_within(old, new) else "changed"


def _is_within(inner: Args, outer: Args) -> bool:
    if outer.get("inclusive", True) is False and inner.get("inclusive", True) is not False:
        return False  # the ends themselves may be let in anew
    for end, sign in (("min", 1), ("max", -1)):
        if end not in outer:
            continue
        if end not in inner:
            return False
        mine, theirs = in_order(inner[end]), in_order(outer[end])
        if mine[0] != theirs[0] or (mine < theirs if sign > 0 else mine > theirs):
            return False
    return True
