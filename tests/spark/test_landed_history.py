"""History on the lake: once, in parts, whole or not at all; and the segments that count."""

import io
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.formats.csv.dialect import UnreadableFile
from service.lake.segments import (
    LakeDamaged,
    Segment,
    SegmentFile,
    name_of_segment,
    path_of_file,
)
from service.spark import landed_history
from service.spark.fed_segments import LIST as SEGMENTS
from service.spark.fed_segments import WrongSegments, list_segments
from service.spark.jars import LIST, WrongJar, check_jars
from service.spark.landed_history import (
    HistoryFile,
    LandedHistory,
    forget_others,
    land_history,
)
from service.stores.folder import FolderStore
from tests.support import world

ODD = 'id;job\n1;Pilot\n2;"Stoker; second\nclass"\nx;Cook;surplus\n\n4;\n'


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "lake")


def landed(store: FolderStore, path: Path, text: str = ODD) -> LandedHistory:
    path.write_text(text)
    (found,) = land_history(store, [HistoryFile(world.JOBS, path, {})], lambda _: None)
    return found


def names(store: FolderStore, found: LandedHistory) -> list[str]:
    own = found.parts.removesuffix("-*.parquet")
    return sorted(
        each.name.removeprefix(own) for each in store.list("history/jobs") if own in each.name
    )


def rows(store: FolderStore, found: LandedHistory) -> list[dict[str, object]]:
    own = found.parts.removesuffix("*.parquet")
    parts = sorted(each.name for each in store.list("history/jobs") if each.name.startswith(own))
    tables = [pq.read_table(io.BytesIO(read(store, part))) for part in parts]
    lines: list[dict[str, object]] = pa.concat_tables(tables).sort_by("line").to_pylist()
    return lines


def read(store: FolderStore, name: str) -> bytes:
    return store.read(name, 1 << 30)[0]


def test_each_line_is_there_as_text_and_accounted_for(store: FolderStore, tmp_path: Path) -> None:
    found = landed(store, tmp_path / "jobs.csv")
    assert [(row["line"], row["id"], row["job"], row["_rest"]) for row in rows(store, found)] == [
        (2, "1", "Pilot", None),
        (3, "2", "Stoker; second\nclass", None),
        (5, "x", "Cook", "surplus"),
        (7, "4", None, None),
    ]
    assert (found.lines, found.header_lines, found.blank_lines, found.record_lines) == (7, 1, 1, 5)


def test_what_is_there_is_not_landed_again_and_what_changed_is(
    store: FolderStore, tmp_path: Path
) -> None:
    first = landed(store, tmp_path / "jobs.csv")
    part = tmp_path / "lake" / first.parts.replace("*", "00000")
    before = part.stat().st_mtime_ns
    assert landed(store, tmp_path / "jobs.csv") == first
    assert part.stat().st_mtime_ns == before
    second = landed(store, tmp_path / "jobs.csv", "id,job\n1,Pilot\n")
    assert second.parts != first.parts
    forget_others(store, [second])
    assert names(store, first) == []
    assert names(store, second) == ["-00000.parquet", ".json"]


def test_a_long_file_comes_in_parts_and_one_that_was_killed_is_landed_anew(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landed_history, "PART_BYTES", 1)
    text = "id,job\n" + "".join(f"{i},{'x' * 100}\n" for i in range(200_000))
    found = landed(store, tmp_path / "jobs.csv", text)
    assert len(names(store, found)) > 2
    assert len(rows(store, found)) == 200_000
    (tmp_path / "lake" / found.parts.replace("-*.parquet", ".json")).unlink()
    (tmp_path / "lake" / found.parts.replace("*", "99999")).write_bytes(b"of another time")
    assert names(store, landed(store, tmp_path / "jobs.csv", text)) == [
        *(f"-{i:05d}.parquet" for i in range(len(names(store, found)) - 1)),
        ".json",
    ]


def test_a_file_that_makes_no_sense_is_told_by_its_path(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as error:
        landed(store, tmp_path / "jobs.csv", "a,b,c,d\n")
    assert str(tmp_path / "jobs.csv") in error.value.detail


def ship(
    store: FolderStore, first: int, last: int, gate: str = "g", snapshot: bool = False
) -> None:
    path = path_of_file("jobs", first, last)
    segment = Segment(
        first=first,
        last=last,
        gate=gate,
        epoch=1,
        dictionary="",
        snapshot=snapshot or first == 1,
        made_at="",
        files=(SegmentFile("jobs", path, 3, 900, "0"),),
    )
    store.put(name_of_segment(first), msgspec.json.encode(segment))


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([(1, 4), (9, 9)], "lacks the changes 5 to 8"),
        ([(3, 4)], "lacks the changes 1 to 2"),
        ([(1, 4), (5, 9, "other")], "two gates, g and other"),
        ([(1, 4), (5, 5, "other", True), (6, 6)], "two gates, other and g"),
    ],
)
def test_changes_that_are_not_those_of_one_gate_are_refused(
    store: FolderStore, segments: list[Any], said: str
) -> None:
    for each in segments:
        ship(store, *each)
    with pytest.raises(WrongSegments, match=said):
        list_segments(store)


def test_a_snapshot_of_another_gate_takes_the_place_of_all_before(store: FolderStore) -> None:
    for each in ((1, 4, "g"), (5, 9, "other", True), (10, 10, "other")):
        ship(store, *each)
    assert list_segments(store) == 10


def test_the_files_that_count_are_listed(store: FolderStore) -> None:
    assert list_segments(store) == 0
    ship(store, 1, 4)
    ship(store, 5, 5)
    store.put("raw/jobs/stray.parquet", b"")
    assert list_segments(store) == 5
    listed = pq.read_table(io.BytesIO(read(store, SEGMENTS))).to_pylist()
    assert [
        (row["table_name"], row["name"] and row["name"][-12:], row["last"]) for row in listed
    ] == [
        ("*", None, 4),
        ("jobs", "0004.parquet", 4),
        ("jobs", "0005.parquet", 5),
    ]
    store.put(name_of_segment(6), b"{")
    with pytest.raises(LakeDamaged):
        list_segments(store)


def test_a_jar_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongJar, match="is not there; `make jars`"):
        check_jars(tmp_path)
    for line in LIST.read_text().splitlines()[1:]:
        _, artifact, version, _ = line.split()
        (tmp_path / f"{artifact}-{version}.jar").write_bytes(b"other")
    with pytest.raises(WrongJar, match="is damaged, or another one"):
        check_jars(tmp_path)
