"""Avro files and catalogues from hostile hands: refused with a clear problem, or restored exactly.

Each file is taken in, verified and restored by the service's own code on a real warehouse; the
reference reader (fastavro) says what a file that is taken holds.
"""

import json
import os
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import fastavro
import pytest
from avro.datafile import DataFileReader
from avro.io import DatumReader

from service.backups.backing_up import back_up, import_file
from service.backups.catalogue import Catalogue
from service.backups.restoring import restore
from service.backups.verifying import verify
from service.errors import Problem
from service.formats.avro import container
from service.stores.folder import FolderStore
from tests.support import world
from tests.support.backups import folder_of
from tests.support.chance import cases, chance, done, repeat
from tests.support.foreign import SYNC, block, encoded, field, header
from tests.support.strings import EVERY

pytestmark = pytest.mark.slow

FILES, CATALOGUES = 600, 160
FIELDS = [field("id", "int"), field("department", "string")]
ROWS = [{"id": number, "department": f"Row {number}"} for number in range(1, 30)]
CODECS = ["null", "deflate", "zstandard", "bzip2"]
DEPARTMENTS = world.DEPARTMENTS


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Catalogue]]:
    """A warehouse with one table and its catalogue."""
    root = duckdb.connect(tmp_path / "warehouse.duckdb")
    world.create(root, DEPARTMENTS)
    root.execute("insert into core.departments select range, 'kept' from range(1, 9)")
    yield root, Catalogue(FolderStore(tmp_path / "backups"))
    root.close()


def sound(random: Random) -> bytes:
    """A good file, in one or several blocks."""
    codec, rows = random.choice(CODECS), random.sample(ROWS, random.randint(0, 20))
    fields = FIELDS if random.random() < 0.7 else [field("id", ["null", "long"]), FIELDS[1]]
    half = len(rows) // 2
    blocks = (
        block(len(part), container.compress(codec, encoded(fields, part)))
        for part in (rows[:half], rows[half:])
    )
    return header({"type": "record", "name": "Root", "fields": fields}, codec) + b"".join(blocks)


def forged(random: Random) -> bytes:
    """A file with a schema, a count or a length that is not so."""
    said = random.choice(
        ["string", "bytes", "long", "double", "boolean", ["null", "string"], "Root", *EVERY[:8]]
    )
    name = random.choice(["id", "department", *EVERY])
    fields = random.choice([[field("id", said), FIELDS[1]], [FIELDS[0], field(name, "string")]])
    schema = {"type": "record", "name": random.choice(["Root", *EVERY]), "fields": fields}
    codec = random.choice([*CODECS, "snappy", *EVERY[:5]])
    count = random.choice([-(2**63), -1, 0, 1, 2, 2**31, 2**62, 2**63 - 1])
    size = random.choice([None, None, -1, 0, 2**31, 2**62, 2**63 - 1])
    payload = encoded(FIELDS, ROWS[:1])
    if codec in container.CODECS:
        payload = container.compress(codec, payload)
    length = len(payload) if size is None else size
    body = container.long(count) + container.long(length) + payload + SYNC
    return header(schema if random.random() < 0.5 else _plain_schema(), codec) + body


def _plain_schema() -> dict[str, Any]:
    return {"type": "record", "name": "Root", "fields": FIELDS}


def damaged(random: Random, data: bytes) -> bytes:
    """Bits turned over, a piece cut out, repeated, or a number made huge."""
    for _ in range(random.choice([1, 1, 2, 5])):
        at = random.randrange(len(data) + 1)
        change = random.randrange(6)
        if change < 2 and data:
            at %= len(data)
            data = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        elif change == 2:
            data = data[:at]
        elif change == 3:
            data = data[:at] + data[at + random.randrange(20) :]
        elif change == 4:
            data = data[:at] + data[max(0, at - 30) :]
        else:
            data = data[:at] + b"\xff" * random.randint(1, 10) + data[at + 1 :]
    return data


def by_reference(data: bytes) -> list[tuple[Any, ...]]:
    """The rows of a file, as fastavro reads them; Apache's library where that cannot."""
    source = BytesIO(data)
    rows: Any = (
        DataFileReader(source, DatumReader())
        if b"\x12zstandard" in data[:400]
        else fastavro.reader(source)
    )
    return [(row["id"], row["department"]) for row in rows]


@contextmanager
def repeatable(random_name: str, number: int, data: bytes) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"{repeat()}, case {number} of {random_name}: {data!r}")
        raise


def test_a_file_is_refused_or_restored_exactly(kept, tmp_path: Path):
    warehouse, catalogue = kept
    random, seen, path = chance("avro"), Counter[str](), tmp_path / "given.avro"
    before = world.everything(warehouse)
    for number in range(cases(FILES)):
        chosen = random.random()
        data = sound(random) if chosen < 0.6 else forged(random)
        data = damaged(random, data) if chosen > 0.1 and random.random() < 0.8 else data
        path.write_bytes(data)
        with repeatable("avro", number, data):
            seen[end := taken(warehouse, catalogue, path)] += 1
            after = world.everything(warehouse)
            assert end == "restored" or after == before
            before = after
    done["Avro files"] += seen.total()
    assert all(seen[end] > seen.total() // 100 for end in ("refused", "restored")), seen


def taken(warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, path: Path) -> str:
    """What became of a file, once that is known to be right; refused, it must change nothing."""
    try:
        entry = import_file(path, DEPARTMENTS, catalogue, dictionary_version="1")
    except Problem as problem:
        refused(problem, path)
        assert world.files(folder_of(catalogue)) == {}
        return "refused"
    assert verify(entry, DEPARTMENTS, catalogue).ok
    try:
        with world.writing(warehouse) as connection:
            restore(connection, world.dictionary(DEPARTMENTS), [entry], catalogue)
        rows = sorted(by_reference(path.read_bytes()))
        assert world.rows(warehouse, "departments") == rows
        return "restored"
    except Problem as problem:  # two rows of one id
        refused(problem, path)
        return "refused later"
    finally:
        catalogue.remove(entry.backup_id)


def refused(problem: Problem, path: Path) -> None:
    """A refusal says what is wrong to the client, and nothing of this machine."""
    assert 400 <= problem.status < 500
    assert str(path.parent) not in str(problem)


def test_a_catalogue_that_was_changed_is_refused_or_restored_exactly(kept, tmp_path: Path):
    warehouse, catalogue = kept
    random, seen = chance("catalogue"), Counter[str]()
    with world.snapshot(warehouse) as connection:
        (entry,) = back_up(connection, [DEPARTMENTS], catalogue, dictionary_version="1")
    warehouse.execute("delete from core.departments where id > 4")
    good, before = tmp_path / "good", world.everything(warehouse)
    shutil.copytree(folder_of(catalogue), good)
    for number in range(cases(CATALOGUES)):
        shutil.rmtree(folder_of(catalogue))
        shutil.copytree(good, folder_of(catalogue))
        change = spoiled(random, folder_of(catalogue) / "departments" / entry.backup_id, tmp_path)
        with repeatable("catalogue", number, change.encode("utf-8", "replace")):
            seen[tried(warehouse, catalogue, entry.backup_id)] += 1
            assert world.everything(warehouse) == before
    done["catalogues"] += seen.total()
    assert seen["refused"] > seen.total() // 4, seen


def spoiled(random: Random, stem: Path, elsewhere: Path) -> str:
    """Changes what stands beside the data, or puts something else in its place; says what."""
    data, entry = stem.with_suffix(".avro"), stem.with_suffix(".json")
    kind = random.randrange(5)
    if kind == 0:
        target = random.choice([data, entry])
        (elsewhere / "stolen").write_bytes(target.read_bytes())
        target.unlink()
        target.symlink_to(elsewhere / "stolen")
        return f"a link for {target.suffix}"
    if kind == 1:
        folder, moved = stem.parent, elsewhere / "moved"
        shutil.rmtree(moved, ignore_errors=True)
        folder.rename(moved)
        folder.symlink_to(moved, target_is_directory=True)
        return "a link for the folder"
    if kind == 2:
        target = random.choice([data, entry])
        target.unlink()
        target.mkdir() if random.random() < 0.5 else os.mkfifo(target)
        return f"no file for {target.suffix}"
    if kind == 3:
        entry.write_bytes(damaged(random, entry.read_bytes()))
        return entry.read_bytes().decode("latin-1")
    said = json.loads(entry.read_bytes())
    name = random.choice([*said])
    said[name] = random.choice([None, -1, 0, 2**63, 2**70, 1.5, [], {}, "", *EVERY])
    entry.write_text(json.dumps(said))
    return f"{name}: {said[name]!r}"


def tried(warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, backup_id: str) -> str:
    """Whether the backup is refused; if it is not, it must be the one that was taken."""
    catalogue.list()
    catalogue.unreadable()
    try:
        entry = catalogue.get(backup_id)
        verified = verify(entry, DEPARTMENTS, catalogue)
        connection = warehouse.cursor()
        connection.execute("begin")
        try:
            restore(connection, world.dictionary(DEPARTMENTS), [entry], catalogue)
            assert verified.ok
            rows = connection.execute("select * from core.departments order by id").fetchall()
            assert rows == [(number, "kept") for number in range(1, 9)]
            return "restored"
        finally:
            connection.rollback()
            connection.close()
    except Problem as problem:
        refused(problem, folder_of(catalogue) / "any")
        return "refused"


@pytest.mark.parametrize("name", EVERY, ids=range(len(EVERY)))
def test_a_name_that_is_no_id_is_no_backup_and_no_file_is_touched(kept, name: str):
    _, catalogue = kept
    done["names of backups"] += 1
    before = world.files(folder_of(catalogue).parent)
    for call in (catalogue.get, catalogue.remove, catalogue.discard, catalogue.of_set):
        with pytest.raises(Problem) as error:
            call(name)
        assert error.value.status == 404
    assert not catalogue.list(name)
    assert world.files(folder_of(catalogue).parent) == before


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_bomb_is_refused_in_bounded_memory(kept, tmp_path: Path, codec: str):
    _, catalogue = kept
    path, done["bombs"] = tmp_path / "bomb.avro", done["bombs"] + 1
    zeros = container.CODECS[codec].compress(bytes(container.LARGEST_BLOCK + (1 << 20)))
    path.write_bytes(header(_plain_schema(), codec) + block(1, zeros) * 40)
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as error:
            import_file(path, DEPARTMENTS, catalogue, dictionary_version="1")
        assert error.value.status == 422
        assert tracemalloc.get_traced_memory()[1] < 12 * container.LARGEST_BLOCK
    finally:
        tracemalloc.stop()
