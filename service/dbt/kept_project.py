"""What dbt has read of a project, kept in this process for as long as no file of it changes.

For dbt to see that nothing has changed takes some tenths of a second, for each file that is loaded.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from service.runtime.settings import Settings

State: TypeAlias = tuple[Any, ...]
OUTSIDE = ("GATEHOUSE_", "DBT_")  # the variables that YAML and macros may read


class Kept(NamedTuple):
    """dbt's manifest, and the state of all that it was read from."""

    state: State
    manifest: Any


class KeptProject:
    """The manifest that was read last, for one who asks again."""

    def __init__(self) -> None:
        self._kept: Kept | None = None

    def get(self, state: State) -> Any | None:
        """dbt's manifest, if it was read from just that."""
        return self._kept.manifest if self._kept and self._kept.state == state else None

    def keep(self, state: State, manifest: Any) -> None:
        """Keeps a manifest; `state` is from before it was read."""
        self._kept = Kept(state, manifest)

    def drop(self) -> None:
        """Forgets it."""
        self._kept = None


def state_of(settings: Settings) -> State:
    """All that a manifest depends on: settings, variables, and the files with their times.

    Of the seeds it is the names: what their files hold, a build reads anew.
    """
    variables = sorted(item for item in os.environ.items() if item[0].startswith(OUTSIDE))
    seeds = sorted(path.name for path in (settings.project / "seeds").glob("*"))
    return settings, variables, seeds, sorted(_stamps(settings.project))


def _stamps(project: Path) -> Iterator[tuple[str, int, int, int]]:
    for path in (*project.glob("*.yml"), *(project / "dbt_project").rglob("*")):
        stamp = _stamp(path)
        if stamp is not None:
            yield stamp


def _stamp(path: Path) -> tuple[str, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:  # it has just gone; whoever reads it will say so
        return None
    return str(path), found.st_size, found.st_mtime_ns, found.st_ino
