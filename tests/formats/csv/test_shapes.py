"""The same rows come out of a file whatever shape it has."""

import csv
import io
import random
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from service.formats.csv import reader
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import Dialect, DialectOptions, UnreadableFile
from service.formats.csv.reader import rows_of
from service.formats.csv.record_reader import TWO_WAYS
from tests.support import chance
from tests.support.shapes import HEADERS, NAMES, ROWS, WANTED, Traits, all_traits, each_three_traits

NO_LIMIT = 1 << 40


def read(path: Path, **said: Any) -> tuple[Dialect, list[dict[str, Any]]]:
    """What shape a file is found to have, and its rows by line."""
    shape = detect_dialect(path, WANTED, DialectOptions(**said), NO_LIMIT)
    rows = rows_of(path, shape, NAMES, NO_LIMIT).read_all().to_pylist()
    return shape, sorted(rows, key=lambda row: row["line"])


def values(rows: list[dict[str, Any]]) -> list[tuple[int, tuple[str | None, ...]]]:
    """Line and values of rows that have nothing else."""
    assert not any(row["_problem"] or row["_rest"] for row in rows)
    return [(row["line"], tuple(row[name] for name in NAMES)) for row in rows]


def test_any_three_traits_come_together_in_a_file() -> None:
    def triples(files: Iterable[Traits]) -> set[tuple[tuple[int, Any], ...]]:
        return {
            three
            for traits in files
            for three in combinations(enumerate([*vars(traits).values()][:-1]), 3)
        }

    assert triples(each_three_traits()) == triples(all_traits())


@pytest.mark.parametrize("header", HEADERS)
def test_the_product_of_all_traits_has_the_same_rows(header: str, tmp_path: Path) -> None:
    """Of the product, `make fuzz` takes all."""
    path = tmp_path / "file"
    for traits in all_traits() if chance.TIMES > 1 else each_three_traits():
        if traits.header != header:
            continue
        path.write_bytes(traits.file())
        shape, rows = read(path)
        assert values(rows) == traits.expected(), str(traits)
        assert shape.delimiter == traits.delimiter, str(traits)
        assert shape.header == (HEADERS[header] is not None), str(traits)
        assert bool(shape.renamed) == (header == "renamed"), str(traits)
        assert shape.bom == (traits.encoding in ("bom", "utf-16")), str(traits)


BLOCKS = (64, 100, 333)


@pytest.mark.parametrize("size", BLOCKS)
def test_it_does_not_matter_where_a_block_ends(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    some = random.Random(size).sample(list(all_traits()), chance.cases(25))
    for traits in some:
        rows = [row for _ in range(4) for row in ROWS]
        path.write_bytes(traits.file(rows))
        with monkeypatch.context() as patch:
            patch.setattr(reader, "BLOCK", size)
            patch.setattr("service.formats.csv.opening.BLOCK", size)
            assert values(read(path)[1]) == traits.expected(rows), str(traits)


def _texts(random_: random.Random) -> Iterator[list[str]]:
    marks = ["a", "b c", '"', '""', ",", ";", "\n", "é", " ", "x\ty", "'", "\\", "NULL", '5"', ""]
    for _ in range(40):
        yield ["".join(random_.choices(marks, k=random_.randrange(5))) for _ in NAMES]


@pytest.mark.parametrize("seed", range(20))
def test_what_python_writes_is_read_as_it_was_written(seed: int, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    rows = [row for row in _texts(random_) if any(row)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=random_.choice(["\n", "\r\n"]))
    writer.writerow(NAMES)
    writer.writerows(rows)
    path = tmp_path / "file.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    found = [values for _, values in values(read(path, delimiter=",")[1])]
    assert found == [tuple(value or None for value in row) for row in rows]


@pytest.mark.parametrize("seed", range(300))
def test_every_line_of_any_garbage_is_a_row_or_part_of_one(seed: int, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    marks = [b"1", b"2021-01-01", b",", b",", b",", b"\n", b"\n", b'"', b" ", b"\xe9", b"\r", b"a"]
    body = b"".join(random_.choices(marks, k=random_.randrange(3, 400)))
    path = tmp_path / "file"
    path.write_bytes(b"id,name,datetime,department_id\n" + body)
    try:
        shape, rows = read(path, delimiter=",", encoding="utf-8", header=True)
    except UnreadableFile:
        return
    content = path.read_bytes()
    if shape.newline == "CR":
        content = content.replace(b"\r", b"\n")
    lines = content.split(b"\n")
    expected = {i for i, line in enumerate(lines, 1) if line.strip(b' \t\r,"') and i > 1}
    covered = {row["line"] + i for row in rows for i in range((row["_text"] or "").count("\n") + 1)}
    assert expected <= covered
    assert len({row["line"] for row in rows}) == len(rows)


def test_a_line_that_cannot_be_read_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(
        b"1,\xc3\xa4\xc3\xb6\xc3\xbc,,\n"
        b'2,"never closed,,\n'
        b"3,b,,\n"
        b'4,"c"d,,\n'
        b"5,\xff\xfe,,\n"
        b'6,5" pipe,,\n'
        b"7,e,,,surplus,x\n"
        b"8\n" + b"9,f,,\n" * 300
    )
    rows = read(path)[1]
    odd = {row["line"]: (row["_problem"], row["_rest"]) for row in rows[:8]}
    assert odd == {
        1: (None, None),
        2: ("a quote is not closed at the end of its field", None),
        3: (None, None),
        4: ("a quote is not closed at the end of its field", None),
        5: ("it is not UTF-8", None),
        6: (None, None),
        7: (None, "surplus,x"),
        8: (None, None),
    }
    assert rows[1]["_text"] == '2,"never closed,,'
    assert rows[4]["_text"] == "5,\\xff\\xfe,,"
    assert (rows[5]["name"], rows[7]["name"]) == ('5" pipe', None)
    assert len(rows) == 308


def test_what_two_stray_quotes_hold_is_one_record_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "file"
    lines = [f"{i},some,2021-01-01T00:00:00Z," for i in range(1, 500)]
    lines[20] = '21,"some,2021-01-01T00:00:00Z,'
    lines[400] = '401,some",2021-01-01T00:00:00Z,'
    path.write_text("\n".join(lines))
    rows = read(path)[1]
    assert [row["line"] for row in rows] == [*range(1, 22), *range(402, 500)]
    assert [row["line"] for row in rows if row["_problem"]] == [21]
    assert rows[20]["_text"] == "\n".join(lines[20:401])
    assert (rows[20]["_lines"], rows[20]["_problem"]) == (381, TWO_WAYS)


def test_words_for_no_value_count_outside_of_quotes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('1,NA,\\N,NULL\n2,"NA", NA ,x\n3,NAN,,\n')
    rows = read(path, nulls=("NA", "\\N", "NULL"))[1]
    assert [value for _, value in values(rows)] == [
        ("1", None, None, None),
        ("2", "NA", None, "x"),
        ("3", "NAN", None, None),
    ]
    assert [row["_text"] for row in rows] == ["1,NA,\\N,NULL", '2,"NA", NA ,x', "3,NAN,,"]


def test_rows_that_are_padded_alike_are_trimmed_and_quotes_keep_their_spaces(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_text("1 , Ann  , ,2\n" * 200 + '2 , "  Bo " , , 3\n')
    rows = read(path)[1]
    assert {row[1][1] for row in values(rows)} == {"Ann", "  Bo "}
    assert {row["_text"] for row in rows} == {"1 , Ann  , ,2", '2 , "  Bo " , , 3'}


def test_a_line_without_an_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1,Ada,,\n" * 100_000 + b"x" * 5_000_000)
    monkeypatch.setattr(reader, "MAX_LINE", 2_000_000)
    with pytest.raises(UnreadableFile, match="a line is longer than"):
        read(path)


def test_each_trait_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    traits = Traits("renamed", ";", "\r\n", "bom", csv.QUOTE_MINIMAL, "", "delimiters")
    path.write_bytes(traits.file())
    assert read(path)[0].described() == (
        "delimiter ';', header, UTF-8 with BOM, CRLF line ends, by type: employee_id as id,"
        " employee_name as name, hire_date as datetime, about 8 rows"
    )
    path.write_bytes(b"1\tx\t2021-01-01\t3\n" * 1200)
    assert read(path)[0].described() == (
        "delimiter tab, no header, columns by position, UTF-8, 1,200 rows"
    )


def test_what_was_written_is_kept_where_the_fields_do_not_say_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    said = ['1,"Holloway, Jr.",,', '2,"the ""old"" one",,', '3,"a,b",,', '4,"plain",,', "5,e,,"]
    path.write_text("\n".join([*said, ""]))
    rows = read(path)[1]
    assert [row["name"] for row in rows] == ["Holloway, Jr.", 'the "old" one', "a,b", "plain", "e"]
    assert [row["_text"] for row in rows] == [*said[:3], None, None]
