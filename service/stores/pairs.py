"""Credentials as text: ``name=value`` pairs with ``;`` between them, as connection strings are."""

from collections.abc import Mapping

from service.errors import StoreUnavailable


def pairs_of(credentials: str) -> Mapping[str, str]:
    """The pairs, in their order.

    Raises:
        StoreUnavailable: a part has no ``=``; which one is not told.
    """
    parts = [part.strip() for part in credentials.split(";") if part.strip()]
    if not all("=" in part for part in parts):
        raise StoreUnavailable("credentials of a store are name=value, with ; between them")
    return {name.strip(): value for name, _, value in (part.partition("=") for part in parts)}
