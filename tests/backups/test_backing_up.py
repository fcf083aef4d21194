"""Backups are one snapshot, all or none, and imports are taken in only if they can be restored."""

from io import BytesIO
from pathlib import Path

import duckdb
import fastavro
import pytest
from msgspec.structs import replace

from service.backups.backing_up import back_up, import_file
from service.backups.catalogue import MAX_LEFT_OUT, Catalogue
from service.backups.verifying import verify
from service.dictionary import Dictionary
from service.errors import DamagedBackup, RulesBroken
from service.formats.avro.avro_files import CODECS
from tests.support import world
from tests.support.backups import folder_of, path_of
from tests.support.foreign import field, foreign_file, rows_in
from tests.support.world import DEPARTMENTS, HIRED, SAMPLES, Take, files, snapshot

FIELDS = [field("id", "int"), field("department", "string")]


@pytest.mark.parametrize("codec", CODECS)
def test_a_backup_is_catalogued_with_what_it_is(
    take: Take, catalogue: Catalogue, dictionary: Dictionary, codec: str
):
    (entry,) = take("samples", codec=codec)
    assert catalogue.get(entry.backup_id) == entry
    path = path_of(catalogue, entry)
    assert (entry.rows, entry.bytes, entry.codec) == (4, path.stat().st_size, codec)
    assert (entry.kind, entry.set_id) == ("manual", None)
    assert (entry.file, entry.dictionary_version) == (path.name, dictionary.version)
    assert verify(entry, SAMPLES, catalogue).problems == []
    assert path.stat().st_mode & 0o077 == 0


def test_rows_are_in_the_order_of_the_primary_key(take: Take, catalogue: Catalogue):
    (entry,) = take("samples")
    with catalogue.open(entry) as file:
        ids = [row["id"] for row in rows_in(file)]
    assert ids == sorted(ids)


def test_the_file_says_where_it_comes_from(take: Take, catalogue: Catalogue):
    (entry,) = take("departments")
    with catalogue.open(entry) as file:
        said = fastavro.reader(file).metadata
    assert said["gatehouse.backup_id"] == entry.backup_id
    assert said["gatehouse.created_at"] == entry.created_at


def test_a_set_is_one_snapshot_whatever_is_committed_meanwhile(
    warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, dictionary: Dictionary
):
    def hire(step: str) -> None:
        if step == "data departments":
            with world.writing(warehouse) as connection:
                connection.execute("insert into core.departments values (9, 'nine')")
                connection.execute(
                    "insert into core.hired_employees values (9, 'Zoe', '2021-01-01', 9, 1)"
                )

    with snapshot(warehouse) as connection:
        entries = back_up(
            connection,
            [DEPARTMENTS, HIRED],
            catalogue,
            dictionary_version="v",
            steps=hire,
        )
    assert [entry.rows for entry in entries] == [3, 4]
    assert len(world.rows(warehouse, "hired_employees")) == 5
    assert len({entry.created_at for entry in entries}) == 1
    assert {entry.set_id for entry in entries} == {entries[0].set_id}
    assert len(catalogue.of_set(str(entries[0].set_id))) == 2


def test_a_set_of_which_one_table_fails_leaves_nothing(
    warehouse: duckdb.DuckDBPyConnection, take: Take, catalogue: Catalogue
):
    take("departments")
    before = files(folder_of(catalogue))
    warehouse.execute("drop table core.samples")
    with pytest.raises(duckdb.CatalogException):
        take("departments", "jobs", "samples")
    assert files(folder_of(catalogue)) == before


def test_rows_from_before_a_rule_are_kept_as_they_are(
    warehouse: duckdb.DuckDBPyConnection, take: Take, catalogue: Catalogue
):
    warehouse.execute("insert into core.departments values (7, null), (8, '')")
    (entry,) = take("departments")
    with catalogue.open(entry) as file:
        kept = [(row["id"], row["department"]) for row in rows_in(file)]
    assert kept[-2:] == [(7, None), (8, "")]
    assert verify(entry, DEPARTMENTS, catalogue).ok


def test_a_hundred_thousand_rows_are_kept(
    warehouse: duckdb.DuckDBPyConnection, take: Take, catalogue: Catalogue
):
    warehouse.execute(
        "insert into core.hired_employees select i, 'name ' || i,"
        " timestamp '2021-01-01' + to_seconds(i), 1 + i % 3, 1 + i % 3 from range(10, 100010) r(i)"
    )
    (entry,) = take("hired_employees")
    assert verify(entry, HIRED, catalogue).rows == 100_004
    with catalogue.open(entry) as file:
        last = rows_in(file)[-1]
    assert (last["id"], last["name"]) == (100_009, "name 100009")


def test_verify_says_what_is_wrong(take: Take, catalogue: Catalogue):
    (entry,) = take("departments")
    path = path_of(catalogue, entry)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = verify(entry, DEPARTMENTS, catalogue)
        assert not found.ok
        assert "SHA-256" in found.problems[0]
    path.write_bytes(whole + b"\0")
    assert "bytes, the catalogue says" in verify(entry, DEPARTMENTS, catalogue).problems[0]
    path.unlink()
    assert verify(entry, DEPARTMENTS, catalogue).problems == ["its file is missing"]


def test_verify_reports_more_rows_and_another_schema_than_the_catalogue(
    take: Take, catalogue: Catalogue
):
    (entry,) = take("departments")
    said = verify(replace(entry, rows=2, schema_fingerprint="00"), DEPARTMENTS, catalogue)
    assert [problem.split(",")[0] for problem in said.problems] == [
        "its schema is not the one that the catalogue says",
        "it has 3 rows",
    ]


@pytest.mark.parametrize("codec", ["null", "deflate", "zstandard", "bzip2"])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_file_from_elsewhere_is_taken_in_as_it_is(
    tmp_path: Path, catalogue: Catalogue, codec: str, streamed: bool
):
    rows = [{"id": i, "department": f"d{i}"} for i in range(10)]
    path = foreign_file(tmp_path / "theirs.avro", FIELDS, rows, codec)
    source = BytesIO(path.read_bytes()) if streamed else path
    entry = import_file(source, DEPARTMENTS, catalogue, dictionary_version="v")
    assert (entry.kind, entry.rows, entry.codec) == ("import", 10, codec)
    assert path_of(catalogue, entry).read_bytes() == path.read_bytes()
    assert catalogue.latest("departments") == entry
    assert verify(entry, DEPARTMENTS, catalogue).ok


def test_a_file_that_could_not_be_restored_is_not_taken_in(tmp_path: Path, catalogue: Catalogue):
    good = foreign_file(tmp_path / "x.avro", FIELDS, [{"id": 1, "department": "a"}]).read_bytes()
    for data in (b"", good[:-1], good + b"x", good[: len(good) // 2]):
        with pytest.raises(DamagedBackup):
            import_file(BytesIO(data), DEPARTMENTS, catalogue, dictionary_version="v")
    with pytest.raises(DamagedBackup, match="no column name"):
        import_file(BytesIO(good), HIRED, catalogue, dictionary_version="v")
    assert files(folder_of(catalogue)) == {}
    assert list(catalogue.list()) == []


def test_a_file_with_rows_that_break_rules_is_not_taken_in(tmp_path: Path, catalogue: Catalogue):
    names = ["a", " ", "b", "", *[" "] * 20]
    fields = [FIELDS[0], field("department", ["null", "string"])]
    rows = [{"id": i, "department": name} for i, name in enumerate([*names, None])]
    path = foreign_file(tmp_path / "x.avro", fields, rows)
    with pytest.raises(RulesBroken) as error:
        import_file(path, DEPARTMENTS, catalogue, dictionary_version="v")
    members = error.value.members
    assert members["violations"] == [
        {"column": "department", "rule": "not_null", "count": 1, "first_ids": [24]},
        {
            "column": "department",
            "rule": "not_blank",
            "count": 22,
            "first_ids": [1, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        },
    ]
    assert (members["table"], members["column"], members["rule"], members["count"]) == (
        "departments",
        "department",
        "not_null",
        1,
    )
    assert files(folder_of(catalogue)) == {}


@pytest.mark.parametrize("ids", [[1, 1], [3, 1, 2, 1, 3, 3], [*range(9_000), 17, 8_500]])
def test_a_file_with_an_id_that_comes_again_is_not_taken_in(
    tmp_path: Path, catalogue: Catalogue, ids: list[int]
):
    rows = [{"id": number, "department": "a"} for number in ids]
    path = foreign_file(tmp_path / "x.avro", FIELDS, rows)
    with pytest.raises(RulesBroken) as error:
        import_file(path, DEPARTMENTS, catalogue, dictionary_version="v")
    again = sorted({number for number in ids if ids.count(number) > 1})
    said = {"column": "id", "rule": "unique"}
    assert error.value.members["violations"] == [
        {**said, "count": len(ids) - len(set(ids)), "first_ids": again}
    ]
    assert files(folder_of(catalogue)) == {}


def test_a_file_with_a_text_that_has_nul_is_not_taken_in(tmp_path: Path, catalogue: Catalogue):
    rows = [{"id": 1, "department": "a"}, {"id": 2, "department": "a\0"}]
    path = foreign_file(tmp_path / "x.avro", FIELDS, rows)
    with pytest.raises(RulesBroken, match="NUL character") as error:
        import_file(path, DEPARTMENTS, catalogue, dictionary_version="v")
    assert error.value.members["first_ids"] == [2]


def test_columns_that_the_table_has_not_are_left_out_by_name(tmp_path: Path, catalogue: Catalogue):
    more = [field(f"f{i}_{'x' * 2_000}", "int") for i in range(300)]
    fields = [field("tags", {"type": "array", "items": "string"}), *FIELDS, *more]
    row = {"tags": ["a", "b"], "id": 1, "department": "a"}
    row |= {each["name"]: i for i, each in enumerate(more)}
    path = foreign_file(tmp_path / "x.avro", fields, [row])
    entry = import_file(path, DEPARTMENTS, catalogue, dictionary_version="v")
    assert entry.left_out[0] == "tags"
    assert len(entry.left_out) == MAX_LEFT_OUT
    assert catalogue.get(entry.backup_id) == entry  # its file is no longer than an entry may be
    assert verify(entry, DEPARTMENTS, catalogue).ok


def test_the_first_ten_of_rows_that_break_a_rule_in_many_batches_are_named(
    tmp_path: Path, catalogue: Catalogue
):
    blank = [*range(0, 20_000, 3000), *range(19_990, 20_000)]
    rows = [{"id": i, "department": "" if i in blank else "x"} for i in range(20_000)]
    path = foreign_file(tmp_path / "x.avro", FIELDS, rows)
    with pytest.raises(RulesBroken) as error:
        import_file(path, DEPARTMENTS, catalogue, dictionary_version="v")
    assert error.value.members["first_ids"] == blank[:10]
    assert error.value.members["count"] == 17


def test_an_import_is_not_read_through_a_symbolic_link(tmp_path: Path, catalogue: Catalogue):
    foreign_file(tmp_path / "x.avro", FIELDS, [{"id": 1, "department": "a"}])
    (tmp_path / "link.avro").symlink_to(tmp_path / "x.avro")
    with pytest.raises(DamagedBackup):
        import_file(tmp_path / "link.avro", DEPARTMENTS, catalogue, dictionary_version="v")
