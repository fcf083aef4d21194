"""Lines of CSV that we write are read as the same texts, by the door of batches and of files."""

from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.formats.bodies.csv_lines import csv_line
from service.formats.bodies.csv_rows import CsvRows
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, ExpectedColumn
from service.formats.csv.reader import rows_of
from tests.support.chance import cases
from tests.support.odd_values import TEXTS

NAMES = ("id", "name", "note")
WANTED = tuple(
    ExpectedColumn(name, kind, name == "id")
    for name, kind in zip(NAMES, ("integer", "varchar", "varchar"), strict=True)
)
marks = st.sampled_from(
    ["a", "b c", "é", "日", *"\",;|\t\n\r '\\#-=", "\r\n", "\xa0", "\ufeff", "\x1a"]
)
ours = st.sampled_from(TEXTS) | st.lists(marks, max_size=6).map("".join) | st.text(max_size=9)
texts = st.none() | ours.filter(lambda text: text and "\0" not in text)
PLAIN = [("Ada Byron", "of London")] * 50  # a file of little but controls is taken for no text
ROWS = st.lists(st.tuples(texts, texts), min_size=1, max_size=8)


def read_by_file_door(file: bytes, path: Path) -> list[tuple[str | None, ...]]:
    path.write_bytes(file)
    shape = detect_dialect(path, WANTED, DialectOptions(), 1 << 40)
    rows = rows_of(path, shape, NAMES, 1 << 40).read_all().to_pylist()
    assert not any(row["_problem"] or row["_rest"] for row in rows)
    return [tuple(row[n] for n in NAMES) for row in sorted(rows, key=lambda row: row["line"])]


def test_what_is_written_is_read_as_the_same_texts_by_both_doors(tmp_path: Path) -> None:
    @settings(deadline=None, max_examples=cases(120), derandomize=True, database=None)
    @given(ROWS)
    @example([(" Ann ", "\tx\t"), ("\ufeffa", "\x1a"), ("a;b;c", 'say "hi"'), ("\r", None)])
    @example([("NULL", "-"), ("sep=;", "#"), ("\\N", "a|b|c"), ('"', "a\tb")])
    def check(rows: list[tuple[str | None, str | None]]) -> None:
        numbered = [(str(i), *row) for i, row in enumerate([*rows, *PLAIN])]
        file = "".join(map(csv_line, [NAMES, *numbered])).encode()
        batch = CsvRows(file)
        sent: list[Any] = [batch.plain(i) for i in range(len(batch))]
        assert [tuple(row[name] for name in NAMES) for row in sent] == numbered
        assert read_by_file_door(file, tmp_path / "rows.csv") == numbered

    check()


def test_no_value_and_no_characters_are_written_in_two_ways() -> None:
    assert csv_line([None, "", "a", True, False, 1, 0.5]) == ',"",a,true,false,1,0.5\r\n'
    assert csv_line([None]) == '""\r\n'  # an empty line would be passed over
    assert csv_line(["Ada Byron", "O'Neil", "a.b@c-d", "Öl"]) == "Ada Byron,O'Neil,a.b@c-d,Öl\r\n"
