"""What tables and columns were called before: ``meta.renamed_from``, a name or several."""

from collections.abc import Iterable, Mapping
from typing import Any


class WrongName(ValueError):
    """What is said of former names makes no sense; says why, to be read after a place."""


def read_former_names(said: Any) -> tuple[str, ...]:
    """The names that ``renamed_from`` says, the last one first.

    Raises:
        WrongName: it is neither a name nor a list of names.
    """
    if said is None:
        return ()
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) and name for name in names
    ):
        raise WrongName(f"renamed_from is a name or a list of names, not {said!r}")
    return tuple(names)


def check_former_names(former: Mapping[str, Iterable[str]]) -> None:
    """Checks what is said of the columns of a table, or of the tables, by their names now.

    Raises:
        WrongName: a former name is one of now, or of two.
    """
    owners: dict[str, str] = {}
    for name, names in former.items():
        for each in names:
            if each in former:
                raise WrongName(f"{name} was not renamed from {each}, which is still there")
            if owners.setdefault(each, name) != name:
                raise WrongName(f"both {owners[each]} and {name} are renamed from {each}")
