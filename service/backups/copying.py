"""Copies of backups in a second place: each is read back there before it counts."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.backups.verifying import byte_problems, named
from service.errors import DamagedBackup, StoreUnavailable

PIECE = 1 << 20  # bytes


def not_copied(primary: Catalogue, second: Catalogue) -> list[list[Entry]]:
    """The backups that the second place lacks, those of a set together; newest first."""
    there = {entry.backup_id for entry in second.list()}
    found: dict[str, list[Entry]] = {}
    for entry in primary.list():
        if entry.backup_id not in there:
            found.setdefault(entry.set_id or entry.backup_id, []).append(entry)
    return [*found.values()]


def copy(
    entries: Sequence[Entry], primary: Catalogue, second: Catalogue, pause: Callable[[], None]
) -> None:
    """Copies a backup, or those of one set: all of them or none.

    `pause` is called between pieces; what it raises ends the copy.

    Raises:
        DamagedBackup: one is not what the catalogue says, or was not read back as it is.
        StoreUnavailable, NoSpace: a place fails.
    """
    try:
        for entry in entries:
            with named(entry):
                _copy_data(entry, primary, second, pause)
        if entries[0].set_id:
            second.add_set(entries[0].set_id, entries)
        else:
            second.add(entries[0])  # the commit point of the copy
    except BaseException:
        with suppress(StoreUnavailable):  # the next start sweeps; the first error says why
            for entry in entries:
                second.discard(entry.backup_id)
        raise


def _copy_data(
    entry: Entry, primary: Catalogue, second: Catalogue, pause: Callable[[], None]
) -> None:
    with primary.open(entry) as file, second.writing(entry.backup_id) as written:
        while piece := file.read(PIECE):
            written.write(piece)
            pause()
        if (written.sha256, written.size) != (entry.sha256, entry.bytes):
            raise DamagedBackup("its bytes are not those that were backed up; it is not copied")
    with second.open(entry) as file:
        _, problems = byte_problems(entry, file)
    if problems:
        raise DamagedBackup(f"its copy was not read back as it is: {'; '.join(problems)}")
