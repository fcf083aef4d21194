"""The catalogue lists what is whole, believes no name from outside, forgets what is half-made."""

import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.backups.catalogue import Catalogue, Entry
from service.dictionary import DictionaryError
from service.errors import Conflict, DamagedBackup, NoSpace, NotFound
from service.formats.avro.avro_files import write
from tests.support.backups import folder_of, path_of
from tests.support.world import DEPARTMENTS, files


def make(catalogue: Catalogue, **other: Any) -> Entry:
    """A backup without rows, in the catalogue."""
    entry = data(catalogue, **other)
    catalogue.add(entry)
    return entry


def data(catalogue: Catalogue, table: str = "departments", **other: Any) -> Entry:
    """The data file of a backup, and the entry that would make it one."""
    backup_id = catalogue.new_id(table)
    with catalogue.writing(backup_id) as file:
        written = write(file, DEPARTMENTS, iter([]))
    said = {
        "backup_id": backup_id,
        "table": table,
        "rows": 0,
        "bytes": written.bytes,
        "sha256": written.sha256,
        "codec": "deflate",
        "schema_fingerprint": written.schema_fingerprint,
        "dictionary_version": "v",
        "created_at": "2021-11-07T02:48:42.000001Z",
        "file": f"{backup_id}.avro",
        "set_id": None,
        "kind": "manual",
    }
    return Entry(**{**said, **other})


def test_an_empty_or_missing_folder_has_no_backups(catalogue: Catalogue):
    assert list(catalogue.list()) == []
    assert list(catalogue.sweep()) == []
    with pytest.raises(NotFound):
        catalogue.latest("departments")


def test_backups_are_listed_newest_first(catalogue: Catalogue):
    made = [make(catalogue, table=table) for table in ("departments", "jobs", "departments")]
    assert list(catalogue.list()) == made[::-1]
    assert list(catalogue.list("departments")) == [made[2], made[0]]
    assert list(catalogue.list("no_such_table")) == []


def test_a_backup_is_found_by_its_id(catalogue: Catalogue):
    entry = make(catalogue)
    assert catalogue.get(entry.backup_id) == entry
    assert path_of(catalogue, entry).read_bytes()[:4] == b"Obj\x01"


def test_the_entry_is_a_json_file_beside_the_data(catalogue: Catalogue):
    entry = make(catalogue)
    path = folder_of(catalogue) / "departments" / f"{entry.backup_id}.json"
    assert msgspec.json.decode(path.read_bytes()) == msgspec.json.decode(msgspec.json.encode(entry))
    assert path.stat().st_mode & 0o077 == 0


def test_the_latest_is_the_newest_that_someone_asked_for(catalogue: Catalogue):
    asked_for = make(catalogue)
    make(catalogue, kind="safety")
    assert catalogue.latest("departments") == asked_for
    taken_in = make(catalogue, kind="import", rows=1)
    assert catalogue.latest("departments") == taken_in
    empty = make(catalogue, kind="import", rows=0)  # which would empty the table
    assert catalogue.latest("departments") == taken_in
    assert catalogue.get(empty.backup_id) == empty
    ours = make(catalogue, rows=0)
    assert catalogue.latest("departments") == ours


def test_ids_sort_by_time_and_never_repeat_even_from_many_threads(catalogue: Catalogue):
    made: list[list[str]] = [[] for _ in range(8)]

    def make_ids(into: list[str]) -> None:
        into.extend(catalogue.new_id("departments") for _ in range(2000))

    threads = [threading.Thread(target=make_ids, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(into == sorted(into) for into in made)
    times = [each.split("-")[0] for into in made for each in into]
    assert len(set(times)) == 16_000


def test_ids_sort_by_time_even_if_the_clock_is_set_back(catalogue: Catalogue):
    catalogue._latest_id = datetime.now(UTC) + timedelta(hours=1)  # as if it had been later
    made = [catalogue.new_id("departments") for _ in range(5)]
    assert made == sorted(made)
    assert len({each.split("-")[0] for each in made}) == 5


def test_the_newest_is_the_latest_even_if_the_clock_is_set_back_and_the_service_starts_anew(
    catalogue: Catalogue,
):
    catalogue._latest_id = datetime.now(UTC) + timedelta(days=400)  # as if it had been later
    before = make(catalogue)
    with catalogue.writing("99999999T999999999999Z-departments-" + "0" * 12):
        pass  # no such day
    after = Catalogue(catalogue.store)
    made = make(after)
    assert after.latest("departments") == made
    assert list(after.list("departments")) == [made, before]


@pytest.mark.parametrize("name", ["", "..", "a/b", "dépts", "d" * 101, "first-name"])
def test_a_table_with_a_name_that_is_no_file_name_is_an_error_of_the_dictionary(
    catalogue: Catalogue, name: str
):
    with pytest.raises(DictionaryError):
        catalogue.new_id(name)


@pytest.mark.parametrize(
    "evil",
    [
        "",
        ".",
        "..",
        "../departments",
        "../../etc/passwd",
        "/etc/passwd",
        "departments/{}",
        "../backups/departments",
        "../backups/departments/{}",
        "{}/",
        "{}\0",
        "{}\n",
        "{}.json",
        "{} ",
        "*",
        "20211107T024842000001Z-*-000000000000",
        "20211107T024842000001Z-..-000000000000",
        "20211107T024842000001Z-de/pa-000000000000",
        "٢٠٢١1107T024842000001Z-departments-000000000000",  # digits, but not ours
        "20211107T024842000001Z-dépts-000000000000",
        "20211107T024842000001Z-departments-00000000000g",
        "20211107T024842000001Z-" + "d" * 101 + "-000000000000",
        "２0211107T024842000001Z-departments-000000000000",
        "x" * 100_000,
    ],
)
def test_an_id_from_outside_that_is_not_ours_is_not_found(catalogue: Catalogue, evil: str):
    there = make(catalogue)
    (folder_of(catalogue).parent / "departments.json").write_text("{}")
    before = files(folder_of(catalogue).parent)
    backup_id = evil.format(there.backup_id)
    for use in (catalogue.get, catalogue.remove, catalogue.discard):
        with pytest.raises(NotFound) as error:
            use(backup_id)
        assert str(folder_of(catalogue)) not in str(error.value)
    with pytest.raises(NotFound):
        catalogue.of_set(backup_id)
    assert list(catalogue.list(backup_id)) == []
    assert files(folder_of(catalogue).parent) == before


def test_a_symbolic_link_is_never_followed(catalogue: Catalogue, tmp_path: Path):
    entry, linked = make(catalogue), make(catalogue)
    outside = tmp_path / "outside.avro"
    path_of(catalogue, linked).rename(outside)
    path_of(catalogue, linked).symlink_to(outside)
    with pytest.raises(DamagedBackup, match="not a plain file"):
        catalogue.open(linked)
    path = path_of(catalogue, entry).with_suffix(".json")
    path.rename(tmp_path / "outside.json")
    path.symlink_to(tmp_path / "outside.json")
    assert list(catalogue.list()) == [linked]
    with pytest.raises(NotFound):
        catalogue.get(entry.backup_id)


def test_a_folder_that_is_a_symbolic_link_is_not_looked_into(catalogue: Catalogue, tmp_path: Path):
    entry = make(catalogue)
    folder = folder_of(catalogue) / "departments"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere")
    assert list(catalogue.list()) == []
    with pytest.raises(NotFound):
        catalogue.get(entry.backup_id)
    with pytest.raises(NotFound):
        catalogue.open(entry)
    catalogue.sweep()
    assert files(tmp_path / "elsewhere") == before


def test_a_pipe_in_place_of_the_data_is_refused_at_once(catalogue: Catalogue):
    entry = make(catalogue)
    path_of(catalogue, entry).unlink()
    os.mkfifo(path_of(catalogue, entry))
    with pytest.raises(DamagedBackup, match="not a plain file"):
        catalogue.open(entry)
    path_of(catalogue, entry).unlink()
    with pytest.raises(DamagedBackup, match="missing"):
        catalogue.open(entry)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: b"\xff" + text,
        lambda text: b"[" * 10_000,
        lambda text: b" " * (1 << 16) + text,
        lambda text: text.replace(b'"table"', b'"tabel"'),
        lambda text: text.replace(b'"rows": 0', b'"rows": -1'),
        lambda text: text.replace(b'"rows": 0', b'"rows": "0"'),
        lambda text: text.replace(b".avro", b".AVRO"),
        lambda text: text.replace(b'"table": "departments"', b'"table": "jobs"'),
        lambda text: text.replace(b"2021-11-07T", b"yesterday T"),
        lambda text: text.replace(b'"manual"', b'"other"'),
    ],
)
def test_a_damaged_entry_does_not_hide_the_others(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture, damage: Any
):
    good, bad = make(catalogue), make(catalogue)
    path = path_of(catalogue, bad).with_suffix(".json")
    text = path.read_bytes()
    path.write_bytes(damage(text))
    assert path.read_bytes() != text
    with caplog.at_level(logging.WARNING):
        assert list(catalogue.list()) == [good]
    assert bad.backup_id in caplog.text
    with pytest.raises(NotFound):
        catalogue.get(bad.backup_id)
    catalogue.sweep()
    assert path_of(catalogue, bad).exists()  # its data may still be of use to someone


def test_an_entry_of_a_newer_version_that_says_more_is_read(catalogue: Catalogue):
    entry = make(catalogue)
    path = path_of(catalogue, entry).with_suffix(".json")
    path.write_bytes(path.read_bytes().replace(b"{", b'{"more": 1,', 1))
    assert catalogue.get(entry.backup_id) == entry


def test_a_removed_backup_leaves_nothing(catalogue: Catalogue):
    kept, removed = make(catalogue), make(catalogue)
    catalogue.remove(removed.backup_id)
    assert list(catalogue.list()) == [kept]
    assert len(files(folder_of(catalogue))) == 2
    with pytest.raises(NotFound):
        catalogue.remove(removed.backup_id)


def test_sweeping_removes_what_a_killed_process_left_and_nothing_else(catalogue: Catalogue):
    kept = make(catalogue)
    half = data(catalogue)
    folder = folder_of(catalogue) / "departments"
    for name in (f"{catalogue.new_id('departments')}.avro.tmp", f"{half.backup_id}.json.tmp"):
        (folder / name).write_bytes(b"half")
    (folder_of(catalogue) / f"{catalogue.new_set_id()}.pending.tmp").write_bytes(b"")
    others = ["notes.txt", "mine.avro", "mine.avro.tmp", "x.json.tmp"]
    for name in others:
        (folder / name).write_bytes(b"not ours")
    swept = catalogue.sweep()
    assert len(swept) == 4
    left = {Path(name).name for name in files(folder_of(catalogue))}
    assert left == {*others, f"{kept.backup_id}.avro", f"{kept.backup_id}.json"}
    assert list(catalogue.sweep()) == []
    assert list(catalogue.list()) == [kept]


def test_a_set_is_found_by_its_id(catalogue: Catalogue):
    set_id = catalogue.new_set_id()
    made = [data(catalogue, table=table, set_id=set_id) for table in ("departments", "jobs")]
    catalogue.add_set(set_id, made)
    make(catalogue)
    assert sorted(catalogue.of_set(set_id), key=lambda entry: entry.table) == made
    assert not list(folder_of(catalogue).rglob("*.pending"))


def test_a_set_of_which_a_backup_is_missing_cannot_be_had_as_a_set(catalogue: Catalogue):
    set_id = catalogue.new_set_id()
    tables = ("departments", "jobs", "hired_employees")
    made = [data(catalogue, table=table, set_id=set_id, set_size=3) for table in tables]
    catalogue.add_set(set_id, made)
    assert len(catalogue.of_set(set_id)) == 3
    catalogue.remove(made[1].backup_id)
    with pytest.raises(Conflict, match="2 of the 3"):
        catalogue.of_set(set_id)
    assert len(catalogue.list()) == 2


def test_a_set_is_not_there_until_its_last_entry_is(catalogue: Catalogue):
    set_id = catalogue.new_set_id()
    made = [data(catalogue, table=table, set_id=set_id) for table in ("departments", "jobs")]
    seen: list[int] = []

    def look(_step: str) -> None:
        seen.append(len(catalogue.list()))
        for entry in made:
            with pytest.raises(NotFound):
                catalogue.get(entry.backup_id)
        with pytest.raises(NotFound):
            catalogue.of_set(set_id)

    catalogue.add_set(set_id, made, look)
    assert seen == [0, 0]
    assert len(catalogue.list()) == 2


def test_a_set_that_fails_half_way_leaves_nothing(catalogue: Catalogue):
    kept = make(catalogue)
    before = files(folder_of(catalogue))
    set_id = catalogue.new_set_id()
    made = [data(catalogue, table=table, set_id=set_id) for table in ("departments", "jobs")]

    def fail(step: str) -> None:
        if step == "entry jobs":
            raise NoSpace("no space")

    with pytest.raises(NoSpace):
        catalogue.add_set(set_id, made, fail)
    assert files(folder_of(catalogue)) == before
    assert list(catalogue.list()) == [kept]
