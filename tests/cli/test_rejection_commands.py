"""Rejected rows as a work list: exported, corrected in a spreadsheet, tried again."""

import csv
import json

import pytest


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        (tmp_path / name).write_text(content, "utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def kept_out(asking, file):
    """A line that cannot be read, two rows with faults, one with a field too many."""
    lines = 'id,job\n9001,"Smi"th\n9002,\nx,Miller\n9004,Baker,and more\n'
    assert asking("load", "jobs", file("jobs.csv", lines)).code == 1


def read(path, delimiter=","):
    with path.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened, delimiter=delimiter))


@pytest.mark.usefixtures("kept_out")
def test_rows_are_exported_corrected_and_replayed(asking, tmp_path):
    target = tmp_path / "open.csv"
    answer = asking("rejections", "export", "--table", "jobs", "-o", target)
    assert (answer.code, answer.out) == (0, "")
    rows = read(target)
    assert [(row["id"], row["job"], row["_rest"], row["_line"]) for row in rows] == [
        ("", "", "", '9001,"Smi"th'),
        ("9002", "", "", ""),
        ("x", "Miller", "", ""),
        ("9004", "Baker", "and more", ""),
    ]
    assert rows[1]["reasons"] == "not_null: job is missing"
    rows[0] |= {"id": "9001", "job": "Smith"}
    rows[1] |= {"job": "Tailor; the second"}
    with target.open("w", newline="", encoding="utf-8-sig") as opened:  # as a spreadsheet does
        names = list(rows[0])[::-1]
        writer = csv.DictWriter(opened, names, delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    answer = asking("rejections", "replay", target)
    assert answer.code == 1
    assert answer.lines[-1] == (
        "open.csv: 4 rows (2 accepted, 2 still rejected, 0 already present)"
    )
    assert [line.split("\t")[0] for line in answer.lines[1:-1]] == [
        row["rejection_id"] for row in rows[2:]
    ]
    jobs = asking("rejections", "--table", "jobs", "--json").json
    assert [each["status"] for each in jobs] == ["open", "open", "accepted", "accepted"]
    shown = asking("rejections", "show", rows[1]["rejection_id"])
    assert "replayed: " in shown.out
    assert "(accepted)" in shown.out


@pytest.mark.usefixtures("kept_out")
def test_one_is_replayed_as_it_was_and_dismissed_with_a_reason(asking):
    rejection = asking("rejections", "--rule", "type", "--table", "jobs", "--json").json[0]
    answer = asking("rejections", "replay", rejection["rejection_id"])
    assert answer.code == 1
    assert answer.lines[1].startswith("id\ttype\t")
    assert "1 still rejected" in answer.lines[-1]
    done = asking("rejections", "dismiss", rejection["rejection_id"], "--reason", "not a job")
    assert done.code == 0
    shown = asking("rejections", "show", rejection["rejection_id"], "--json").json
    assert (shown["status"], shown["resolution"]) == ("dismissed", "not a job")


def test_all_that_wait_for_a_row_go_in_when_it_has_come(asking, file):
    hire = "9001,Ada,2021-01-01T00:00:00Z,77,1\n"
    header = "id,name,datetime,department_id,job_id\n"
    assert asking("load", "hired_employees", file("hires.csv", header + hire)).code == 1
    assert asking("load", "departments", file("d.csv", "id,department\n77,Late\n")).code == 0
    answer = asking("rejections", "replay", "--all", "--table", "hired_employees")
    assert answer.code == 1  # those of the shipped history still have their faults
    assert "(1 accepted, 76 still rejected, 0 already present)" in answer.lines[-1]
    assert answer.lines[0] == "table\tcolumn\trule\trows"


@pytest.mark.usefixtures("kept_out")
def test_they_are_counted_by_table_column_and_rule(asking):
    answer = asking("rejections", "--summary", "--table", "jobs")
    assert answer.lines[0] == "4 open, 0 accepted, 0 dismissed"
    assert answer.lines[1] == "table\tcolumn\trule\tstatus\trejections"
    assert "jobs\tjob\tnot_null\topen\t1" in answer.lines
    assert asking("rejections", "--summary", "--rule", "type").code == 2


def test_times_are_a_filter(asking):
    assert asking("rejections", "--since", "2999-01-01T00:00:00Z", "--json").json == []
    assert len(asking("rejections", "--until", "2999-01-01T00:00:00Z", "--json").json) > 0


@pytest.mark.usefixtures("kept_out")
def test_what_cannot_be_exported_or_replayed_is_said(asking, file):
    several = asking("rejections", "export")
    assert (several.code, several.out) == (1, "")
    assert "HINT: name a --table: hired_employees, jobs" in several.err
    assert asking("rejections", "export", "--rule", "in_range").code == 1
    other = asking("rejections", "replay", file("other.csv", "id,job\n1,x\n"))
    assert "has no column rejection_id" in other.err
    unknown = asking("rejections", "replay", file("gone.csv", "rejection_id,id\nnone,1\n"))
    assert unknown.code == 1
    assert "none\tthere is no such rejection" in unknown.lines
    assert asking("rejections", "replay").code == 2
    assert asking("rejections", "replay", "x", "--all").code == 2
    assert asking("rejections", "replay", "no-such-id").code == 1


def test_the_audit_is_silent_about_what_is_right_and_names_what_is_wrong(
    asking, alone, settings, file
):
    right = asking("audit")
    assert right.code == 0
    assert {line.split("\t")[1] for line in right.lines[1:]} == {"ok"}
    backup = asking("backup", "jobs", "--json").json["backups"][0]
    (settings.backups / "jobs" / f"{backup['backup_id']}.avro").write_bytes(b"damage")
    wrong = asking("audit", "--json")
    assert wrong.code == 1
    assert not wrong.json["ok"]
    assert backup["backup_id"] in json.dumps(wrong.json)
