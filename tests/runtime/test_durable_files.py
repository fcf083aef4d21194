"""What is said to be on the disk is: content first, then the name, each fsynced by whoever made it.

No power cut can be made here. So it is looked at what was there whenever something was fsynced.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.runtime import durable_files
from service.runtime.journal_file import JournalFile

Synced = list[tuple[Path, Any]]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """What was fsynced, in turn: a file with its content then, a folder with its names."""
    found: Synced = []

    def noting(real: Callable[[int], None]) -> Callable[[int], None]:
        def note(descriptor: int) -> None:
            real(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            names = path.is_dir() and sorted(each.name for each in path.iterdir())
            found.append((path, path.read_bytes() if names is False else names))

        return note

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, noting(getattr(os, name)))
    return found


def made(folder: Path) -> None:
    with durable_files.made_whole(folder / "new") as file:
        file.write(b"content")


WHOLE: Synced = [(Path("new.tmp"), b"content"), (Path(), ["new", "old", "other"])]
CASES: dict[str, tuple[Callable[[Path], object], Synced]] = {
    "a name is given": (
        lambda folder: durable_files.put_in_place(folder / "old", folder / "other" / "new"),
        [(Path("other"), ["new"]), (Path(), ["other"])],
    ),
    "a name is given instead of another": (
        lambda folder: durable_files.put_in_place(folder / "old", folder / "new"),
        [(Path(), ["new", "other"])],
    ),
    "a second name is given": (
        lambda folder: durable_files.keep_as(folder / "old", folder / "other" / "new"),
        [(Path("other"), ["new"])],
    ),
    "a name is taken away": (
        lambda folder: durable_files.remove_durably(folder / "old"),
        [(Path(), ["other"])],
    ),
    "folders are made": (
        lambda folder: durable_files.make_folder(folder / "other" / "a" / "b"),
        [(Path("other"), ["a"]), (Path("other/a"), ["b"])],
    ),
    "a file is written": (
        lambda folder: durable_files.write_whole(folder / "new", b"content"),
        WHOLE,
    ),
    "a file is made": (made, WHOLE),
}


@pytest.mark.parametrize("case", CASES)
def test_names_and_what_they_name_are_on_the_disk(tmp_path: Path, synced: Synced, case: str):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "other").mkdir()
    deed, expected = CASES[case]
    deed(tmp_path)
    assert [(path.relative_to(tmp_path), there) for path, there in synced] == expected


def test_an_entry_of_a_journal_is_on_the_disk_when_it_is_added(tmp_path: Path, synced: Synced):
    journal = JournalFile(tmp_path / "journal", "head", [])
    journal.rewrite()
    for number in range(3):
        before = len(synced)
        journal.append(f"entry {number}")
        [(path, there)] = synced[before:]
        assert (path, f'"entry {number}"\n'.encode() in there) == (journal.path, True)
    journal.close()
