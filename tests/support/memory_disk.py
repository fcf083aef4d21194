"""Where a run keeps its files: in memory where there is plenty, or else it waits for a disk."""

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

FOLDER = Path("/dev/shm")
ROOT = "PYTEST_DEBUG_TEMPROOT"  # in which pytest makes its folders, and clears them up
LEAST = 8 * 1024**3  # bytes; the largest test takes a file of 1 GB, and DuckDB's copy of it


def keep_files_in_memory(environment: MutableMapping[str, str]) -> None:
    """Has pytest make its folders in memory; one who has said where, is heeded."""
    if ROOT not in environment and min(_room(), default=0) >= LEAST:
        environment[ROOT] = str(FOLDER)


def _room() -> Iterator[int]:
    """Bytes that can be written there, and those of memory that this process may have."""
    if not os.access(FOLDER, os.W_OK):
        return
    state = os.statvfs(FOLDER)
    yield state.f_bavail * state.f_frsize
    fields = dict(line.split(":") for line in _lines(Path("/proc/meminfo")))
    yield int(fields["MemAvailable"].split()[0]) * 1024
    group = Path("/sys/fs/cgroup")
    most, used = _lines(group / "memory.max"), _lines(group / "memory.current")
    if most and used and most[0] != "max":
        yield int(most[0]) - int(used[0])


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
