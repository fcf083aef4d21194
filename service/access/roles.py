"""Roles: each may do what the one before may, and more. A key may be narrowed to some of it."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["reader", "writer", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
# What a key can be narrowed to, and the smallest role that may do it.
Deed: TypeAlias = Literal["read", "insert", "replay", "change", "dismiss", "backup", "restore"]
DEEDS: Mapping[Deed, Role] = {
    "read": "reader",
    "insert": "writer",
    "replay": "writer",
    "change": "operator",  # of rows that are in: as a restore does, too
    "dismiss": "operator",
    "backup": "operator",
    "restore": "operator",
}


def may(role: Role, needed: Role) -> bool:
    """Whether `role` is `needed`, or includes it."""
    return ROLES.index(role) >= ROLES.index(needed)


def in_words(role: Role, tables: Sequence[str] | None, only: Sequence[Deed] | None) -> str:
    """What a key may do: ``writer of jobs, only insert``."""
    of_tables = f" of {', '.join(tables)}" if tables is not None else ""
    deeds = f", only {', '.join(only)}" if only is not None else ""
    return f"{role}{of_tables}{deeds}"
