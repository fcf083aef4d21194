"""gatehouse rejections: exported to a spreadsheet and back, tried again, dismissed, counted."""

import csv
import io
import json

import duckdb
import httpx
import pytest

from tests.support.rows import department, hire

COLUMNS = ["id", "name", "datetime", "department_id", "job_id"]
ODD = [
    {**hire(9001), "name": '=1+1 "quoted", with comma'},
    {**hire(9002), "name": "-5\nand more", "department_id": None},
    {**hire(9003), "name": "Zoë ☃ \u2028 end", "extra": {"a": [1, None]}},
    {**hire(9004), "id": 1.5, "job_id": True},
]


@pytest.fixture
def settings(settings):
    """A warehouse whose only rejections are those that a test sends."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from ops.rejections")
        connection.execute("delete from ops.loads where rejected > 0")
        connection.execute("delete from core.hired_employees")
    return settings


@pytest.fixture
def quiet(asking):
    """`gatehouse` asking a service on that warehouse."""
    return asking


def send(client: httpx.Client, table, *rows):
    """Sends rows; the ids of the rejections."""
    answer = client.post(f"/v1/tables/{table}/rows", json=list(rows))
    return [each["rejection_id"] for each in answer.json()["rejections"]]


def exported(asking, path, *options):
    """The rows of an export, by rejection id."""
    answer = asking("rejections", "export", "-o", path, *options)
    assert (answer.code, answer.out) == (0, "")
    with path.open(encoding="utf-8", newline="") as file:
        return {row["rejection_id"]: row for row in csv.DictReader(file)}


def write(path, rows, encoding="utf-8", **form):
    """Writes rows as a spreadsheet might."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), **form)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def statuses(client, ids):
    return [client.get(f"/v1/rejections/{each}").json()["status"] for each in ids]


def test_an_export_has_the_values_as_they_were_sent_and_every_reason(quiet, client, tmp_path):
    bad = [{**row, "datetime": "2021-02-30T00:00:00Z"} for row in ODD]
    ids = send(client, "hired_employees", *bad)
    path = tmp_path / "bad.csv"

    rows = exported(quiet, path, "--table", "hired_employees")

    header = path.read_bytes().decode().split("\r\n")[0]
    assert header == f"rejection_id,{','.join(COLUMNS)},_rest,reasons"
    assert [rows[each]["name"] for each in ids] == [row["name"] for row in bad]
    assert [rows[each]["id"] for each in ids] == ["9001", "9002", "9003", "1.5"]
    assert rows[ids[3]]["job_id"] == "true"
    assert json.loads(rows[ids[2]]["_rest"]) == {"extra": {"a": [1, None]}}
    assert rows[ids[1]]["reasons"] == (
        "type: datetime is not a date and time written like 2021-07-27T16:02:08Z;"
        " not_null: department_id is missing"
    )
    assert exported(quiet, tmp_path / "none.csv", "--table", "jobs") == {}


@pytest.mark.new_python
def test_an_export_goes_to_stdout_by_default(quiet, client):
    send(client, "jobs", {"id": 900, "job": "Ü"}, {"id": 901})
    answer = quiet("rejections", "export", "--rule", "not_null")
    assert answer.code == 0
    (row,) = csv.DictReader(io.StringIO(answer.out))
    assert (row["_table"], row["id"], row["job"], row["department"]) == ("jobs", "901", "", "")
    assert answer.err == "1 row\n"


SPREADSHEETS = {
    "as it was": ({}, "utf-8"),
    "BOM, semicolons": ({"delimiter": ";"}, "utf-8-sig"),
    "tabs, UTF-16": ({"delimiter": "\t"}, "utf-16"),
    "LF": ({"lineterminator": "\n"}, "utf-8"),
    "all quoted": ({"quoting": csv.QUOTE_ALL, "delimiter": ";"}, "utf-8-sig"),
}


@pytest.mark.parametrize(("form", "encoding"), SPREADSHEETS.values(), ids=SPREADSHEETS)
def test_a_corrected_file_comes_back_from_any_spreadsheet(quiet, client, tmp_path, form, encoding):
    ids = send(
        client,
        "hired_employees",
        *[{**row, "datetime": "2021-02-30T00:00:00Z"} for row in ODD],
    )
    rows = exported(quiet, tmp_path / "bad.csv", "--table", "hired_employees")
    fixed = {"datetime": "2021-02-20T00:00:00Z", "department_id": "1", "job_id": "1", "_rest": ""}
    corrected = [
        # columns in another order, ids that are whole numbers, and nothing beyond the columns
        dict(reversed({**rows[each], **fixed, "id": str(9001 + i)}.items()))
        for i, each in enumerate(ids)
    ]
    write(tmp_path / "good.csv", corrected, encoding, **form)

    answer = quiet("rejections", "replay", tmp_path / "good.csv")

    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[-1] == (
        "hired_employees 4 rows (4 accepted, 0 rejected, 0 already present)"
    )
    assert statuses(client, ids) == ["accepted"] * 4
    for i, row in enumerate(ODD):  # to the character
        kept = client.get(f"/v1/tables/hired_employees/rows/{9001 + i}").json()
        assert kept["name"] == row["name"]


def test_windows_1252_is_read_too(quiet, client, tmp_path):
    (first,) = send(client, "jobs", {"id": "x", "job": "Café"})
    path = tmp_path / "ansi.csv"
    write(path, [{"rejection_id": first, "id": "900", "job": "Café €"}], "cp1252", delimiter=";")
    assert quiet("rejections", "replay", path).code == 0
    assert client.get("/v1/tables/jobs/rows/900").json()["job"] == "Café €"


def test_rows_that_still_fail_are_named_with_their_lines_and_exit_1(quiet, client, tmp_path):
    ids = send(client, "departments", *[department("x")] * 3)
    path = tmp_path / "half.csv"
    rows = exported(quiet, path, "--table", "departments")
    rows[ids[0]]["id"] = "900"
    rows[ids[1]] |= {"id": "901", "_rest": "surplus"}
    write(path, [*(rows[each] for each in ids), {**rows[ids[0]], "rejection_id": "nope"}])

    answer = quiet("rejections", "replay", path)

    assert answer.code == 1
    assert [line.split("\t")[:4] for line in answer.lines[1:-1]] == [
        ["3", ids[1], "", "unknown_field"],
        ["4", ids[2], "id", "type"],
        ["5", "nope", "", ""],
    ]
    assert answer.lines[-1] == "departments 3 rows (1 accepted, 2 rejected, 0 already present)"
    again = quiet("rejections", "replay", path, "--json")
    assert again.code == 1
    assert {each["rejection_id"] for each in again.json["not_tried"]} == {ids[0], "nope"}


def test_rows_of_several_tables_come_back_in_one_file(quiet, client, tmp_path):
    send(client, "hired_employees", hire(9001, 900))
    send(client, "departments", department(900, " "))
    path = tmp_path / "bad.csv"
    rows = exported(quiet, path)
    for row in rows.values():
        if row["_table"] == "departments":
            row["department"] = "Quays"
    write(path, list(rows.values()))
    answer = quiet("rejections", "replay", path)
    assert answer.code == 0, answer.out
    assert answer.lines == [
        "departments 1 row (1 accepted, 0 rejected, 0 already present)",
        "hired_employees 1 row (1 accepted, 0 rejected, 0 already present)",
    ]
    assert quiet("rejections", "--summary").lines[0].startswith("0 open, 2 accepted, ")


def test_a_file_that_was_not_exported_is_refused(quiet, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("id,name\n1,A\n")
    answer = quiet("rejections", "replay", path)
    assert answer.code == 1
    assert "has no column rejection_id" in answer.err
    path.write_text("rejection_id,id\n,1\n")
    assert "line 2 has no rejection_id" in quiet("rejections", "replay", path).err
    assert quiet("rejections", "replay", tmp_path / "gone.csv").code == 2
    assert quiet("rejections", "export", "-o", tmp_path / "no" / "folder.csv").code == 2


def test_more_rows_than_one_request_takes_come_back(quiet, client, tmp_path):
    ids = []
    for start in range(0, 2500, 500):
        ids += send(client, "departments", *({"id": 5000 + start + i} for i in range(500)))
    path = tmp_path / "many.csv"
    rows = exported(quiet, path, "--table", "departments")
    write(path, [{**rows[each], "department": "A"} for each in ids])
    answer = quiet("rejections", "replay", path, "--json")
    assert (answer.code, answer.json["accepted"]) == (0, 2500)
    assert len(answer.json["load_ids"]) == 3
    assert client.get("/v1/audit").json()["ok"]


@pytest.mark.new_python
def test_one_row_is_tried_again(quiet, client):
    (first,) = send(client, "hired_employees", hire(9001, 900))
    answer = quiet("rejections", "replay", first)
    assert answer.code == 1
    assert answer.lines == [
        "rejection id\tcolumn\trule\tmessage",
        f"{first}\tdepartment_id\trelationships\tdepartments has no row with id 900",
        "hired_employees 1 row (0 accepted, 1 rejected, 0 already present)",
    ]
    client.post("/v1/tables/departments/rows", json=department(900))
    assert quiet("rejections", "replay", first, "--dry-run").code == 0
    assert quiet("rejections", "replay", first, "--json").json["accepted"] == 1
    refused = quiet("rejections", "replay", first)
    assert (refused.code, refused.err) == (1, "error: its row has gone in\n")
    shown = quiet("rejections", "show", first)
    assert "status: accepted" in shown.out
    assert shown.out.count("replayed: ") == 2


def test_all_open_rows_are_tried_again(quiet, client):
    send(client, "hired_employees", hire(9001, 900), hire(9002, 901))
    client.post("/v1/tables/departments/rows", json=department(900))
    assert quiet("rejections", "replay", "--all", "--table", "jobs").lines == [
        "nothing to try again"
    ]
    answer = quiet("rejections", "replay", "--all")
    assert answer.code == 1
    assert answer.lines == [
        "rows\ttable\tcolumn\trule",
        "1\thired_employees\tdepartment_id\trelationships",
        "hired_employees 2 rows (1 accepted, 1 rejected, 0 already present)",
    ]
    client.post("/v1/tables/departments/rows", json=department(901))
    assert quiet("rejections", "replay", "--all").code == 0


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "--all"], ["x", "--table", "jobs"], ["--all", "--dry-run"], ["x.csv", "--dry-run"]],
    ids=" ".join,
)
def test_what_cannot_be_meant_exits_2(alone, arguments):
    assert alone("rejections", "replay", *arguments).code == 2


def test_a_row_is_dismissed_with_a_reason(quiet, client):
    (first,) = send(client, "departments", department("x"))
    assert quiet("rejections", "dismiss", first, "--reason", "a test").code == 0
    assert "resolution: a test" in quiet("rejections", "show", first).lines


def test_rejections_are_counted(quiet, client):
    send(client, "departments", department("x"), department("y", " "))
    answer = quiet("rejections", "--summary", "--table", "departments")
    assert answer.lines == [
        "2 open, 0 accepted, 0 dismissed",
        "rejections\ttable\tcolumn\trule\tstatus",
        "2\tdepartments\tid\ttype\topen",
        "1\tdepartments\tdepartment\tnot_blank\topen",
    ]
    assert quiet("rejections", "--summary", "--rule", "type").code == 2


def test_rejections_are_listed_by_time(quiet, client):
    (first,) = send(client, "departments", department("x"))
    moment = client.get(f"/v1/rejections/{first}").json()["rejected_at"]
    found = quiet("rejections", "--since", moment, "--json").json
    assert [each["rejection_id"] for each in found] == [first]
    assert quiet("rejections", "--until", "2020-01-01T00:00:00Z", "--json").json == []
    assert quiet("rejections", "--since", "yesterday").code == 2
