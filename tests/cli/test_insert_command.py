"""Files of rows go in through the same door as everything else."""

import itertools
import json

import pytest

from service.cli.inserting import Sender
from service.cli.row_files import RowChunk
from tests.support.rows import in_avro


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    return write


def job(number, **other):
    return {"id": number, "job": f"Job {number}", **other}


def test_rows_go_in_and_each_rejection_is_named(asking, file):
    rows = [job(9001), job(9002, job=" "), job(9003, id="x", job=None)]
    answer = asking("insert", "jobs", file("rows.json", rows))
    assert answer.code == 1
    *_, last = lines = [line.split("\t") for line in answer.lines]
    assert last == ["jobs 3 rows (1 accepted, 2 rejected)"]
    assert lines[0] == ["file", "row", "column", "rule", "message"]
    assert [line[1:4] for line in lines[1:-1]] == [
        ["1", "job", "not_blank"],
        ["2", "id", "type"],
        ["2", "job", "not_null"],
    ]


def test_files_are_sent_in_batches_and_the_answers_added_up(asking, file):
    lines = [json.dumps(job(10_000 + i)) for i in range(2500)]
    lines[2100] = json.dumps(job(1))
    path = file("rows.ndjson", "\n\n".join(lines))
    answer = asking("insert", "jobs", path, "--json")
    assert answer.code == 1
    said = answer.json
    assert (said["received"], said["accepted"], said["rejected"]) == (2500, 2499, 1)
    assert len(set(said["load_ids"])) == 3
    (rejection,) = said["rejections"]
    assert (rejection["file"], rejection["row"]) == (str(path), 2100)
    assert rejection["violations"][0]["rule"] == "unique"


def test_avro_is_cut_into_files_of_the_same_schema(asking, tmp_path):
    rows = [job(11_000 + i) for i in range(2500)]
    path = tmp_path / "rows.avro"
    path.write_bytes(in_avro([*rows, job(11_000, job=" ")]))
    said = asking("insert", "jobs", path, "--json").json
    assert (said["received"], said["accepted"], said["rejected"]) == (2501, 2500, 1)
    assert [(each["row"], len(each["violations"])) for each in said["rejections"]] == [(2500, 2)]
    # So much of the same is no body where it is compressed; here each row is judged, and too long.
    path.write_bytes(in_avro([job(20_000 + i, job="x" * 2000) for i in range(600)]))
    said = asking("insert", "jobs", path, "--json").json
    assert (said["received"], said["rejected"]) == (600, 600)
    path.write_bytes(path.read_bytes()[:-1])
    answer = asking("insert", "jobs", path)
    assert answer.code == 1
    assert "is not Avro as it should be: it is cut off" in answer.err


@pytest.mark.new_python
def test_csv_and_several_files_and_stdin(asking, file):
    one = file("one.csv", "id,job\n9001,Smith\n9002,Miller\n")
    two = file("two.CSV", "job,id\nTailor,9003\n")
    assert asking("insert", "jobs", one, two).lines == ["jobs 3 rows (3 accepted, 0 rejected)"]
    piped = asking("insert", "jobs", "-", "--format", "ndjson", stdin='{"id": 9004, "job": "x"}')
    assert piped.code == 0
    assert asking("insert", "jobs", "-", stdin="[]").code == 2


def test_a_dry_run_writes_nothing(asking, file):
    path = file("rows.json", [job(9001)])
    for _ in range(2):
        answer = asking("insert", "jobs", path, "--dry-run")
        assert answer.code == 0
        assert answer.lines == ["jobs 1 row (1 accepted, 0 rejected) (dry run: nothing is written)"]


def test_strict_takes_all_of_a_batch_or_none_and_stops(asking, file):
    rows = [job(9000 + i) for i in range(1000)] + [job(0)] + [job(20_000 + i) for i in range(1500)]
    answer = asking("insert", "jobs", file("rows.json", rows), "--strict", "--json")
    said = answer.json
    assert answer.code == 1
    assert (said["received"], said["accepted"], said["rejected"]) == (2000, 1000, 1000)
    assert [rejection["row"] for rejection in said["rejections"]] == [1000]


def test_what_went_in_before_an_error_is_told(asking, file):
    text = "\n".join(json.dumps(job(10_000 + i)) for i in range(1500)) + "\nnot json\n"
    answer = asking("insert", "jobs", file("rows.ndjson", text))
    assert (answer.code, answer.out) == (1, "")
    first, second = answer.err.splitlines()
    assert first == "before the error: jobs 1,000 rows (1,000 accepted, 0 rejected)"
    assert "rows.ndjson, line 1501 is not JSON" in second


def test_an_insert_that_broke_off_is_repeated_and_no_row_goes_in_twice(asking, file):
    lines = [json.dumps(job(10_000 + i)) for i in range(2500)]
    lines[500] = json.dumps(job(1))
    broken = [*lines]
    broken[2200] = "not json"
    assert asking("insert", "jobs", file("rows.ndjson", "\n".join(broken))).code == 1
    path = file("rows.ndjson", "\n".join(lines))
    answer = asking("insert", "jobs", path)
    assert answer.code == 1  # one row was kept out, then
    assert answer.lines[-1] == "jobs 500 rows (500 accepted, 0 rejected, 2,000 sent before)"
    assert answer.err == (
        "2,000 rows had been sent before, and were not sent twice:"
        " 1,999 were accepted, 1 rejected; --again judges them again\n"
    )
    assert asking("insert", "jobs", path, "--strict").lines[-1].startswith("jobs 1,000 rows (0")
    told = asking("insert", "jobs", path, "--json").json
    assert (told["received"], told["sent_before"], told["rejected_before"]) == (0, 2500, 1)
    assert {table["name"]: table["rows"] for table in asking("tables", "--json").json}["jobs"] == (
        183 + 2499
    )


def test_a_key_is_of_all_that_an_answer_depends_on():
    bodies, types = (b"[1]", b"[2]"), ("text/csv", "application/json")
    keys = [
        Sender(table=table, strict=strict, dry_run=False, again=False).key_of(RowChunk(*batch))
        for table in ("jobs", "departments")
        for strict in (True, False)
        for batch in itertools.product((0, 1000), bodies, types)
    ]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) <= 255
    sender = Sender(table="jobs", strict=True, dry_run=False, again=False)
    assert sender.key_of(RowChunk(0, b"[1]", "text/csv")) == keys[0]


def test_a_value_cannot_speak_to_the_terminal(asking, file):
    path = file("rows.json", [job(9001, **{"\x1b[2Jx\n": 1})])
    answer = asking("insert", "jobs", path)
    assert all(line.replace("\t", "").isprintable() for line in answer.out.split("\n"))
    assert "unknown_field" in answer.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["jobs", "nowhere.json"], 2, "error: nowhere.json cannot be read: No such file"),
        (["nothing", "{rows}"], 1, "error: there is no table 'nothing'"),
        (["jobs"], 2, "Missing argument"),
        (["jobs", "{rows}", "--format", "xml"], 2, "'xml' is not one of 'json', 'ndjson',"),
        (["jobs", "{rows}", "--format", "csv"], 1, "error: "),
    ],
)
def test_what_cannot_be_sent_is_refused(asking, file, arguments, code, said):
    rows = str(file("rows.json", [job(9001)]))
    answer = asking("insert", *(each.format(rows=rows) for each in arguments))
    assert answer.code == code
    assert said in answer.err


@pytest.mark.new_python
def test_without_a_service_rows_go_in_just_the_same(alone, file):
    path = file("rows.json", [job(9001), job(9001)])
    answer = alone("insert", "jobs", path, "--json")
    assert (answer.code, answer.json["accepted"], answer.json["rejected"]) == (1, 1, 1)
    again = alone("insert", "jobs", path, "--again")
    assert again.lines[-1] == "jobs 2 rows (0 accepted, 2 rejected)"
