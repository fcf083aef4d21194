"""Files are cut into batches, and not a byte of a row is changed."""

import csv
import io
import tempfile

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.failures import Failure, WrongSettings
from service.cli.row_files import batches

MANY = 10**6


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("name", ["rows.json", "rows.ndjson", "rows.jsonl", "rows.csv"])
def test_batches_have_at_most_the_rows_that_are_asked_for(file, name):
    form = name.rpartition(".")[2]
    lines = [b'{"id": %d}' % i if form != "csv" else b"%d" % i for i in range(25)]
    content = {
        "json": b"[" + b",".join(lines) + b"]",
        "csv": b"id\n" + b"\n".join(lines),
    }.get(form, b"\n".join(lines))
    found = list(batches(file(name, content), None, 10, MANY))
    assert [batch.first_row for batch in found] == [0, 10, 20]
    assert found[2].body.count(b"24") == 1


def test_batches_stay_under_the_size_that_is_asked_for(file):
    path = file("rows.ndjson", b'{"a": "xxxxxxxxxx"}\n' * 30)
    found = list(batches(path, None, 1000, 100))
    assert max(len(batch.body) for batch in found) <= 100
    assert sum(batch.body.count(b"{") for batch in found) == 30


def test_json_rows_are_sent_as_they_were_written(file):
    content = b'\xef\xbb\xbf[ {"id":1.0, "id" : 2,"a":"\\u00e9"} ,\n {"x": 1e400}]'
    (batch,) = batches(file("rows.json", content), None, 10, MANY)
    assert batch.body == b'[{"id":1.0, "id" : 2,"a":"\\u00e9"},{"x": 1e400}]'


def test_one_json_object_counts_as_one_row(file):
    (batch,) = batches(file("rows.json", b' {"id": 1}\n'), None, 10, MANY)
    assert batch.body == b'[{"id": 1}]'


def test_csv_lines_are_sent_as_they_were_written_each_time_under_the_header(file):
    content = b'\xef\xbb\xbfid,name\r\n1,"a ""b""\nc"\r\n\r\n2,\xe9\r\n3,'
    found = list(batches(file("rows.csv", content), None, 2, MANY))
    header = b"\xef\xbb\xbfid,name\r\n"
    assert [batch.body for batch in found] == [
        header + b'1,"a ""b""\nc"\r\n2,\xe9\r\n',
        header + b"3,",
    ]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@given(
    st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=20), st.integers(1, 7)
)
def test_csv_rows_survive_any_cut(rows, size):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(text.getvalue().encode())
        file.flush()
        found = list(batches(file.name, None, size, MANY))
    parts = [list(csv.reader(io.StringIO(batch.body.decode(), newline=""))) for batch in found]
    assert [row for part in parts for row in part[1:]] == rows
    assert [batch.first_row for batch in found] == list(range(0, len(rows), size))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b'[{"id": 1}', "a.json is not a JSON array of rows"),
        ("a.json", b"7", "a.json is not a JSON array of rows"),
        ("a.ndjson", b'{"id": 1}\n\n{"id"\n', "a.ndjson, line 3 is not JSON"),
        ("a.json", b"[]", "a.json holds no rows"),
        ("a.csv", b"", "a.csv holds no rows"),
        ("a.csv", b"id,job\n\n", "a.csv holds no rows"),
    ],
)
def test_a_file_that_is_not_of_its_format_is_named(file, name, content, said):
    with pytest.raises(Failure) as failure:
        list(batches(file(name, content), None, 10, MANY))
    assert said in failure.value.message


def test_a_format_that_is_not_known_is_asked_for(file):
    with pytest.raises(WrongSettings) as failure:
        list(batches(file("rows.txt", b"id\n1\n"), None, 10, MANY))
    assert failure.value.hint == "--format json|ndjson|csv|avro"
    assert len(list(batches(file("rows.txt", b"id\n1\n"), "csv", 10, MANY))) == 1


def test_ndjson_is_read_line_by_line(file):
    rows = b"".join(msgspec.json.encode({"id": i}) + b"\n" for i in range(5000))
    first = next(batches(file("a.ndjson", rows + b"not json"), None, 1000, MANY))
    assert first.body.count(b"\n") == 999
