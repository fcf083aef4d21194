"""The files of the history: which one in its folder is a table's, and which are no table's."""

import os
from collections.abc import Collection
from pathlib import Path

PREFIX = "raw_"  # of dbt's seeds; a name without it will do
ENDINGS = (".csv", ".csv.gz", ".csv.zst")
LIKE_THEM = (*ENDINGS, ".tsv", ".tsv.gz", ".tsv.zst")


class WrongHistory(Exception):
    """A table's history cannot be told, or not be read; the message says why and what to do."""


def history_file(folder: str, table: str) -> str | None:
    """The path of a table's history in `folder`; None where it has none.

    Raises:
        WrongHistory: there is no such folder, or not one file that can be read.
    """
    wanted = _names_of(table)
    found = [name for name in _names(folder) if name.casefold() in wanted]
    if len(found) > 1:
        names = " and ".join(found)
        raise WrongHistory(f"{folder} has {names}: leave the one that is the history of {table}")
    if not found:
        return None
    path = f"{folder}/{found[0]}"
    if problem := _problem(Path(path)):
        raise WrongHistory(f"{path} {problem}")
    return path


def strange_files(folder: str, tables: Collection[str]) -> list[str]:
    """Names of what looks like a history and is no table's; none where there is no folder."""
    known = {name for table in tables for name in _names_of(table)}
    try:
        names = _names(folder)
    except WrongHistory:
        return []
    likely = (name for name in names if name.casefold().endswith(LIKE_THEM))
    return [name for name in likely if name.casefold() not in known]


def largest_file(folder: str) -> int:
    """How many bytes the largest history has."""
    paths = Path(folder).glob("*")
    files = [path for path in paths if path.name.casefold().endswith(ENDINGS) and path.is_file()]
    return max((file.stat().st_size for file in files), default=0)


def _names_of(table: str) -> set[str]:
    """What a table's history may be called, folded."""
    return {f"{prefix}{table}{end}".casefold() for prefix in (PREFIX, "") for end in ENDINGS}


def _names(folder: str) -> list[str]:
    hint = "set GATEHOUSE_SEEDS (the setting `seeds`) to the folder of the history, or make it"
    try:
        return sorted(path.name for path in Path(folder).iterdir())
    except FileNotFoundError as error:
        raise WrongHistory(f"there is no folder {folder}; {hint}") from error
    except NotADirectoryError as error:
        raise WrongHistory(f"{folder} is no folder; {hint}") from error
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise WrongHistory(f"the folder {folder} cannot be read ({why}); {hint}") from error


def _problem(path: Path) -> str | None:
    if path.is_dir():
        return "is a folder, not a file"
    if not path.exists():
        return f"is a link to {path.readlink()}, which is not there"
    if not path.is_file():
        return "is not a file"  # a pipe, say, whose other end no one opens
    return None if os.access(path, os.R_OK) else "cannot be read (permission denied)"
