"""What dbt has read of a project, kept for every other warehouse of a test run.

dbt reads everything anew when its connection is not the one of the last time, as with each test's
own warehouse: 4 seconds in a new process, where it takes 0.2 to see that no file has changed.
What it reads does not depend on where the warehouse is. Two projects are kept: the one that is
shipped, and BARE.
"""

import hashlib
import os
import pprint
from pathlib import Path
from typing import Any

import msgspec

from service.runtime.settings import Settings

STATE = "partial_parse.msgpack"
SHIPPED, BARE = "parsed", "parsed_bare"  # BARE is it without tables

folder: Path | None = None  # shared by all processes of the run


class Kept(msgspec.Struct):
    """dbt's file of what it has read, and what the connection was by which it did."""

    state: bytes
    connection: list[tuple[str, Any]]
    warehouse: str

    def for_warehouse(self, warehouse: str) -> bytes:
        """The state, as if it were read with the connection to another warehouse."""
        return self.state.replace(self._checksum(self.warehouse), self._checksum(warehouse))

    def _checksum(self, warehouse: str) -> bytes:
        """As dbt makes it (dbt.parser.manifest, build_manifest_state_check)."""
        said = [(key, warehouse if key == "path" else value) for key, value in self.connection]
        return hashlib.sha256(pprint.pformat(said).encode()).hexdigest().encode()


def keep(settings: Settings, name: str = SHIPPED) -> None:
    """Keeps what dbt has just read in this process, if nothing is kept yet."""
    from dbt.config.runtime import load_profile

    if folder is None or (folder / name).exists():
        return
    said = load_profile(str(settings.project), {}).credentials.connection_info()
    state = (settings.target / STATE).read_bytes()
    kept = Kept(state, sorted(said), str(settings.warehouse))
    _write(folder / name, msgspec.msgpack.encode(kept))


def take_over(settings: Settings, name: str = SHIPPED) -> bool:
    """Has the next build of a warehouse begin with it; dbt still finds each file that differs.

    Whether it is kept.
    """
    if folder is None or not (folder / name).exists():
        return False
    kept = msgspec.msgpack.decode((folder / name).read_bytes(), type=Kept)
    settings.target.mkdir(exist_ok=True)
    _write(settings.target / STATE, kept.for_warehouse(str(settings.warehouse)))
    return True


def _write(path: Path, content: bytes) -> None:
    """Writes it whole: another process may do so, or read it."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_bytes(content)
    new.replace(path)
