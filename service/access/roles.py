"""Roles: each may do what the one before may, and more."""

from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["reader", "writer", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)


def may(role: Role, needed: Role) -> bool:
    """Whether `role` is `needed`, or includes it."""
    return ROLES.index(role) >= ROLES.index(needed)
