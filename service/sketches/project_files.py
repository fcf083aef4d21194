"""The files of a new table in the dbt project: made where none is, all of them or none."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from service.formats.csv.dialect import Dialect
from service.formats.csv.opening import in_utf8, pieces
from service.sketches.file_columns import NO_LIMIT

CORE, SEEDS = Path("dbt_project/models/core"), Path("seeds")


class TableIsThere(Exception):
    """A file of the new table is there; `path` is which."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already; nothing was written")
        self.path = path


def paths_of(project: Path, seeds: Path, table: str) -> Mapping[str, Path]:
    """Where the page, the model, the seed, and the history where that is elsewhere, go."""
    core, own = project / CORE, project / SEEDS
    paths = {
        "page": core / f"{table}.yml",
        "model": core / f"{table}.sql",
        "seed": own / f"raw_{table}.csv",
    }
    return paths if seeds == own else {**paths, "history": seeds / f"{table}.csv"}


def check_free(paths: Mapping[str, Path]) -> None:
    """Raises TableIsThere where one of them is."""
    for path in paths.values():
        if path.exists():
            raise TableIsThere(path)


def write_all(
    paths: Mapping[str, Path], texts: Mapping[str, str], source: Path, dialect: Dialect
) -> None:
    """Writes `texts` by what they are, and the rows of the file `source`, in UTF-8.

    Raises:
        TableIsThere: one of them is; those that were written are taken away again.
    """
    history = "history" if "history" in paths else "seed"
    made: list[Path] = []
    try:
        for what, path in paths.items():
            content = iter([texts.get(what, "").encode()])
            _write(path, _content(source, dialect) if what == history else content, made)
    except BaseException:
        for path in made:
            with suppress(OSError):
                path.unlink()
        raise


def _content(source: Path, dialect: Dialect) -> Iterator[bytes]:
    return in_utf8(pieces(source, NO_LIMIT), dialect.encoding, dialect.bom)


def _write(path: Path, content: Iterator[bytes], made: list[Path]) -> None:
    try:
        with path.open("xb") as file:
            made.append(path)
            file.writelines(content)
    except FileExistsError:
        raise TableIsThere(path) from None
