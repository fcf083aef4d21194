"""Whole files, of any shape, from the command line."""

import gzip

import pytest


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def test_files_are_loaded_and_their_shape_is_told(asking, file):
    one = file("one.csv", "nr;title\r\n9001;Smith\r\n9002;\r\n")
    two = file("two.csv.gz", gzip.compress(b"9003\tTailor\n9003\tTailor\n"))
    answer = asking("load", "jobs", one, two)
    assert answer.code == 1
    assert answer.lines == [
        "one.csv: delimiter ';', header, UTF-8, CRLF line ends,"
        " by type: nr as id, title as job, 2 rows",
        "jobs 2 rows (1 accepted, 1 rejected, 0 already present)",
        "two.csv.gz: delimiter tab, no header, columns by position, UTF-8, gzip, 2 rows",
        "jobs 2 rows (1 accepted, 0 rejected, 1 already present)",
    ]
    assert answer.err.startswith("HINT: gatehouse rejections --load ")
    again = asking("load", "jobs", two, "--json")
    assert again.code == 0
    (load,) = again.json
    assert (load["status"], load["accepted"], load["already_present"]) == ("done", 0, 2)


def test_lines_are_accounted_for_where_there_is_something_to_tell(asking, file):
    path = file("jobs.csv", 'id,job\n\n9001,"Smith\n& Son"\n')
    for extra in ((), ("--dry-run",)):
        answer = asking("load", "jobs", path, *extra)
        assert answer.lines[2] == "  lines: 1 header, 1 blank, 2 of records"
    (told,) = asking("load", "jobs", path, "--json").json
    assert told["record_lines"] == 2


@pytest.mark.new_python
def test_it_works_where_no_service_runs(alone, file):
    path = file("jobs.csv", "id,job\n9001,Smith\n")
    answer = alone("load", "jobs", path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[-1] == "jobs 1 row (1 accepted, 0 rejected, 0 already present)"


def test_a_dry_run_lists_the_lines_that_would_be_kept_out(asking, file):
    path = file("jobs.csv", 'id,job\n9001,Smith\nx,\n"9002,Miller\n')
    answer = asking("load", "jobs", path, "--dry-run")
    assert answer.code == 1
    assert answer.lines[1:] == [
        "jobs 3 rows (1 accepted, 2 rejected, 0 already present) (dry run: nothing is written)",
        "line\tcolumn\trule\tmessage",
        "3\tid\ttype\tid is not a whole number of 32 bits",
        "3\tjob\tnot_null\tjob is missing",
        "4\t\tmalformed_line\tthe line cannot be read:"
        " a quote is not closed at the end of its field",
    ]
    assert asking("load", "jobs", path).lines[-1].startswith("jobs 3 rows (1 accepted")


def test_a_file_is_explained_and_nothing_is_written(asking, file):
    path = file("jobs.csv", "nr;title\n9001;Smith\nx;\n")
    answer = asking("load", "jobs", "--explain", path)
    assert answer.code == 1
    told = [line for line in answer.lines[1:] if not line.startswith("  ")]
    assert [line.rsplit("\t", 1)[0] for line in told[:3]] == [
        "in file\tcolumn",
        "nr\tid",
        "title\tjob",
    ]
    assert told[3:6] == ["line\tid\tjob", "2\t9001\tSmith", "3\tx\t"]
    assert told[6].endswith("already present) (dry run: nothing is written)")
    assert told[7:] == [
        "line\tcolumn\trule\tmessage",
        "3\tid\ttype\tid is not a whole number of 32 bits",
        "3\tjob\tnot_null\tjob is missing",
    ]
    (load,) = asking("load", "jobs", path, "--explain", "--json").json
    assert load["first_rows"][0]["values"] == {"id": "9001", "job": "Smith"}
    assert all(load["kind"] == "history" for load in asking("loads", "--json").json)


def test_what_is_said_of_a_file_is_passed_on(asking, file):
    path = file("jobs.txt", b"K\xf6chin|9001\nnone|9002\n")
    said = ["--columns", "job,id", "--delimiter", "|", "--no-header", "--null", "none"]
    answer = asking("load", "jobs", path, *said, "--encoding", "latin-1")
    assert answer.lines[-1] == "jobs 2 rows (1 accepted, 1 rejected, 0 already present)"
    assert asking("tables", "jobs").lines[0].startswith("jobs: ")


def test_marks_are_passed_on_and_refused_by_name(asking, file):
    path = file("jobs.txt", "id|job\n9001|Smith\n")
    said = ["--delimiter", "\\x7C", "--quote", '"', "--escape", "doubled", "--skip", "0"]
    assert asking("load", "jobs", path, *said).code == 0
    answer = asking("load", "jobs", path, "--quote", "`")
    assert answer.code != 0
    assert "quote: it is \", ', or none" in answer.err
    assert asking("load", "jobs", path, "--skip", "-1").code == 2


def test_a_file_that_makes_no_sense_is_refused_with_a_hint(asking, file):
    path = file("jobs.csv", "a b c\nd e f\n")
    answer = asking("load", "jobs", path)
    assert answer.code == 1
    assert f"error: {path}: it has 3 columns where 2 are needed (id, job)" in answer.err
    assert "HINT: `gatehouse load --help`" in answer.err


def test_a_file_that_is_not_there_is_a_wrong_argument(asking, tmp_path):
    answer = asking("load", "jobs", tmp_path / "none.csv")
    assert answer.code == 2
    assert "none.csv is not a file" in answer.err
