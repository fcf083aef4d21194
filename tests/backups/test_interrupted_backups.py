"""Whatever interrupts a backup or a restore, tables and catalogue are as they were before.

The interruptions are real: a process of its own that is killed between two steps, and a disk that
is full (RLIMIT_FSIZE, under which the kernel refuses to let a file grow).
"""

import os
from pathlib import Path

import duckdb
import pytest

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue
from service.backups.restoring import restore
from service.dictionary import Dictionary
from service.errors import DamagedBackup
from tests.support.backups import folder_of, path_of, write
from tests.support.foreign import field, foreign_file
from tests.support.nursery import nursery
from tests.support.world import DEPARTMENTS, Take, batch, everything, files, writing

PREPARED = """
import os, resource, sys
from pathlib import Path
import duckdb
from service.backups.backing_up import back_up, import_file
from service.backups.catalogue import Catalogue
from service.backups.restoring import restore
from service.errors import NoSpace
from service.stores.folder import FolderStore
from tests.support import world

folder, argument = Path(sys.argv[1]), sys.argv[2]
dictionary = world.dictionary()
catalogue = Catalogue(FolderStore(folder / "backups"))
root = duckdb.connect(folder / "warehouse.duckdb")
tables = [dictionary.tables[name] for name in ("departments", "jobs", "hired_employees")]

def die_at(step):
    if step == argument:
        os._exit(9)

def take(steps):
    with world.snapshot(root) as connection:
        return back_up(connection, tables, catalogue, dictionary_version="v", steps=steps)
"""


def run(folder: Path, code: str, argument: str) -> int:
    """What a process of its own that does `code` ends with."""
    said = nursery().capture(PREPARED + code, [str(folder), argument], os.environ)
    assert said[0] in (0, 9), said[2]
    return said[0]


STEPS = [
    *(f"data {name}" for name in ("departments", "jobs", "hired_employees")),
    *(f"entry {name}" for name in ("departments", "jobs", "hired_employees")),
]


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_backup_leaves_nothing_once_it_is_swept(
    warehouse: duckdb.DuckDBPyConnection,
    take: Take,
    catalogue: Catalogue,
    tmp_path: Path,
    step: str,
):
    (kept,) = take("departments")
    before = files(folder_of(catalogue))
    warehouse.close()
    assert run(tmp_path, "take(die_at)", step) == 9
    assert files(folder_of(catalogue)) != before
    after_the_kill = Catalogue(catalogue.store)
    assert list(after_the_kill.list()) == [kept]  # even before the sweep
    assert after_the_kill.sweep() or step.startswith("entry")
    assert files(folder_of(catalogue)) == before


def test_a_backup_that_is_not_killed_is_whole(
    warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, tmp_path: Path
):
    warehouse.close()
    assert run(tmp_path, "take(die_at)", "nowhere") == 0
    assert len(catalogue.list()) == 3
    before = files(folder_of(catalogue))
    assert list(catalogue.sweep()) == []
    assert files(folder_of(catalogue)) == before


KILLED_WHILE_WRITING = """
from service.formats.avro.avro_files import write
def batches():
    yield world.batch(world.DEPARTMENTS, *((i, f"department {i}") for i in range(200_000)))
    os._exit(9)
with catalogue.writing(catalogue.new_id("departments")) as file:
    write(file, world.DEPARTMENTS, batches())
"""


def test_a_file_that_was_being_written_when_the_process_was_killed_is_swept(
    warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, tmp_path: Path
):
    warehouse.close()
    assert run(tmp_path, KILLED_WHILE_WRITING, "") == 9
    (left,) = files(folder_of(catalogue))
    assert left.endswith(".avro.tmp")
    assert list(catalogue.list()) == []
    assert len(catalogue.sweep()) == 1
    assert files(folder_of(catalogue)) == {}


FULL = """
world.batch  # everything is imported by now
resource.setrlimit(resource.RLIMIT_FSIZE, (int(argument), resource.RLIM_INFINITY))
try:
    take(lambda step: None)
except NoSpace as error:
    assert str(folder) not in error.detail
    os._exit(9)
os._exit(0)
"""


def test_a_full_disk_leaves_nothing_wherever_it_fills_up(
    warehouse: duckdb.DuckDBPyConnection, take: Take, catalogue: Catalogue, tmp_path: Path
):
    warehouse.execute(
        "insert into core.jobs select i, repeat('j', 40) || i from range(9, 5000) r(i)"
    )
    take("departments")
    before = files(folder_of(catalogue))
    warehouse.close()
    endings = {size: run(tmp_path, FULL, str(size)) for size in (0, 300, 500, 2000, 1 << 20)}
    assert endings == {0: 9, 300: 9, 500: 9, 2000: 9, 1 << 20: 0}
    after = files(folder_of(catalogue))
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 6  # of the last run alone


FULL_IMPORT = """
resource.setrlimit(resource.RLIMIT_FSIZE, (int(argument), resource.RLIM_INFINITY))
try:
    import_file(folder / "theirs.avro", world.DEPARTMENTS, catalogue, dictionary_version="v")
except NoSpace:
    os._exit(9)
os._exit(0)
"""


def test_an_import_onto_a_full_disk_leaves_nothing(
    warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, tmp_path: Path
):
    rows = [{"id": i, "department": f"d{i}"} for i in range(1000)]
    fields = [field("id", "int"), field("department", "string")]
    size = foreign_file(tmp_path / "theirs.avro", fields, rows).stat().st_size
    warehouse.close()
    for limit in (0, size // 2, size - 1):
        assert run(tmp_path, FULL_IMPORT, str(limit)) == 9
        assert files(folder_of(catalogue)) == {}
    assert run(tmp_path, FULL_IMPORT, str(size)) == 0
    assert len(catalogue.list()) == 1


def test_rows_that_fail_while_they_are_read_leave_no_file(tmp_path: Path):
    def batches():
        yield batch(DEPARTMENTS, (1, "a"))
        raise RuntimeError("the warehouse is gone")

    with pytest.raises(RuntimeError):
        write(tmp_path / "folder" / "x.avro", DEPARTMENTS, batches())
    assert files(tmp_path) == {}


def test_a_file_that_another_writes_is_left_alone(tmp_path: Path):
    (tmp_path / "x.avro.tmp").write_bytes(b"another's")
    with pytest.raises(FileExistsError):
        write(tmp_path / "x.avro", DEPARTMENTS, iter([]))
    assert files(tmp_path) == {"x.avro.tmp": b"another's"}


RESTORE_STEPS = [
    *(f"staged {name}" for name in ("departments", "jobs", "hired_employees")),
    "judged",
    *(f"applied {name}" for name in ("departments", "jobs", "hired_employees")),
]

RESTORE = """
set_id = catalogue.list()[0].set_id
connection = root.cursor()
connection.execute("begin")
restore(connection, dictionary, catalogue.of_set(set_id), catalogue, steps=die_at)
if argument == "uncommitted":
    os._exit(9)
connection.execute("commit")
"""


def spoil(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("delete from core.hired_employees where id = 1")
    warehouse.execute("update core.jobs set job = 'changed' where id = 1")
    warehouse.execute("insert into core.departments values (77, 'new')")


@pytest.mark.parametrize("step", [*RESTORE_STEPS, "uncommitted"])
def test_a_killed_restore_leaves_everything_as_it_was(
    warehouse: duckdb.DuckDBPyConnection,
    take: Take,
    catalogue: Catalogue,
    tmp_path: Path,
    step: str,
):
    take("departments", "jobs", "hired_employees")
    spoil(warehouse)
    tables, kept = everything(warehouse), files(folder_of(catalogue))
    warehouse.close()
    assert run(tmp_path, RESTORE, step) == 9
    with duckdb.connect(tmp_path / "warehouse.duckdb") as again:
        assert everything(again) == tables
    assert files(folder_of(catalogue)) == kept
    assert run(tmp_path, RESTORE, "nowhere") == 0
    with duckdb.connect(tmp_path / "warehouse.duckdb") as again:
        assert everything(again) != tables


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_a_restore_that_fails_anywhere_leaves_everything_as_it_was(
    warehouse: duckdb.DuckDBPyConnection,
    take: Take,
    catalogue: Catalogue,
    dictionary: Dictionary,
    step: str,
):
    entries = take("departments", "jobs", "hired_employees")
    spoil(warehouse)
    tables, kept = everything(warehouse), files(folder_of(catalogue))

    def fail(at: str) -> None:
        if at == step:
            raise OSError("it failed")

    with pytest.raises(OSError, match="it failed"), writing(warehouse) as connection:
        restore(connection, dictionary, entries, catalogue, steps=fail)
    assert everything(warehouse) == tables
    assert files(folder_of(catalogue)) == kept


def test_a_damaged_table_of_a_set_leaves_the_whole_set_as_it_was(
    warehouse: duckdb.DuckDBPyConnection,
    take: Take,
    catalogue: Catalogue,
    dictionary: Dictionary,
):
    entries = take("departments", "jobs", "hired_employees")
    spoil(warehouse)
    tables = everything(warehouse)
    path = path_of(catalogue, entries[2])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedBackup), writing(warehouse) as connection:
        restore(connection, dictionary, entries, catalogue)
    assert everything(warehouse) == tables


def test_a_safety_backup_within_the_restores_transaction_brings_everything_back(
    warehouse: duckdb.DuckDBPyConnection,
    take: Take,
    catalogue: Catalogue,
    dictionary: Dictionary,
):
    entries = take("departments", "jobs", "hired_employees")
    spoil(warehouse)
    tables = everything(warehouse)
    chosen = [dictionary.tables[entry.table] for entry in entries]
    with writing(warehouse) as connection:
        safety = back_up(connection, chosen, catalogue, dictionary_version="v", kind="safety")
        restore(connection, dictionary, entries, catalogue)
    assert everything(warehouse) != tables
    with writing(warehouse) as connection:
        restore(connection, dictionary, safety, catalogue)
    now = everything(warehouse)
    assert {name: now[name] for name in now if name.startswith("core.")} == {
        name: tables[name] for name in tables if name.startswith("core.")
    }
