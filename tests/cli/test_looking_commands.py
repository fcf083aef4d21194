"""Commands that look; with and without a service they say the same."""

import shutil

import pytest

from service.cli.bars import bars
from tests.support.commands import run
from tests.support.services import settings_in

SAME = [
    ["tables"],
    ["tables", "hired_employees"],
    ["tables", "hired_employees", "--json"],
    ["dictionary", "jobs"],
    ["rejections", "--table", "hired_employees"],
    ["rejections", "--limit", "3", "--json"],
    ["loads", "--json"],
    ["reports"],
    ["reports", "hires_by_quarter"],
    ["reports", "departments_above_mean", "--year", "2021", "--json"],
    ["rows", "jobs", "id=lt.4", "--order", "id.desc"],
    ["tables", "nothing"],
    ["rejections", "show", "nothing", "--json"],
]


@pytest.fixture(scope="module")
def asked(built, reader, tmp_path_factory):
    """What each command answers without a service, and with one."""
    own = settings_in(tmp_path_factory.mktemp("looking"))
    shutil.copy(built.warehouse, own.warehouse)
    ways = ((), ("--url", reader.base_url))
    return {" ".join(words): [run(own, *words, *way) for way in ways] for words in SAME}


@pytest.fixture
def reading(built, reader, runner):
    """`gatehouse` asking a service that all tests share: they may read, and nothing else."""
    return lambda *words: runner(built, *words, GATEHOUSE_URL=str(reader.base_url))


@pytest.mark.parametrize("arguments", SAME, ids=" ".join)
def test_with_and_without_a_service_the_answer_is_the_same(arguments, asked):
    without, with_one = asked[" ".join(arguments)]
    assert with_one == without
    assert without.out or without.code


def test_tables_are_listed_with_their_rows(reading):
    header, *lines = reading("tables").lines
    assert header.split("\t")[:4] == ["name", "rows", "columns", "primary key"]
    assert [line.split("\t")[0] for line in lines] == ["departments", "jobs", "hired_employees"]
    listed = {table["name"]: table["rows"] for table in reading("tables", "--json").json}
    assert listed["departments"] == 12


def test_a_table_is_shown_with_its_rules(reading):
    title, header, *lines = reading("tables", "jobs").lines
    assert title.startswith("jobs: 183 rows. One row per job")
    assert header.split("\t") == ["name", "type", "nullable", "rules", "description"]
    job = next(line for line in lines if line.startswith("job\t"))
    assert "max_length (length: 255)" in job


@pytest.mark.new_python
def test_an_unknown_table_is_refused_with_the_ones_there_are(reading):
    answer = reading("tables", "nothing", "--json")
    assert answer.code == 1
    assert answer.json["status"] == 404
    assert answer.err.startswith("error: there is no table 'nothing'; there are departments")
    assert "HINT: `gatehouse tables` lists the tables" in answer.err


def test_a_name_is_one_segment_of_a_path_whatever_is_in_it(reading):
    assert reading("tables", "../backups?x=1", "--json").json["status"] == 404


def test_rejections_say_why(reading):
    header, *lines = reading("rejections", "--rule", "not_null", "--limit", "2").lines
    assert header.split("\t") == ["rejection id", "table", "position", "status", "why"]
    assert len(lines) == 2
    assert all("not_null: " in line for line in lines)


@pytest.mark.new_python
def test_a_rejection_is_shown_and_dismissed(asking):
    (found,) = asking("rejections", "--limit", "1", "--json").json
    name = found["rejection_id"]
    shown = asking("rejections", "show", name)
    assert "payload: {" in shown.out
    assert found["violations"][0]["message"] in shown.out
    dismissed = asking("rejections", "--json", "dismiss", name)
    assert dismissed.json == {"rejection_id": name, "status": "dismissed"}
    listed = asking("rejections", "--status", "dismissed", "--json").json
    assert [rejection["rejection_id"] for rejection in listed] == [name]


def test_pages_are_joined(reading):
    every = reading("rejections", "--limit", "1000000", "--json").json
    assert len({rejection["rejection_id"] for rejection in every}) == len(every) > 70


@pytest.mark.new_python
def test_loads_add_up(reading):
    for load in reading("loads", "--kind", "history", "--json").json:
        parts = load["accepted"] + load["rejected"] + load["already_present"]
        assert load["received"] == parts


@pytest.mark.new_python
def test_a_report_shows_its_rows_and_what_stands_beside_them(reading):
    lines = reading("reports", "departments_above_mean").lines
    assert lines[0].startswith("mean: ")
    assert lines[1].split("\t") == ["id", "department", "hired"]
    names = [report["name"] for report in reading("reports", "--json").json]
    assert "departments_above_mean" in names


def test_what_a_report_asks_for_is_an_option(reading):
    rows = reading("reports", "hires_over_time", "--since=2021-05-01", "--json").json["rows"]
    assert min(row["month"] for row in rows) == "2021-05-01"
    several = ("--department", "Archives", "--department", "Workshops")
    found = reading("reports", "hires_over_time", *several, "--json").json["rows"]
    assert {row["department"] for row in found} == {"Archives", "Workshops"}
    assert reading("reports", "hires_over_time", "--nothing", "1").code == 1
    assert reading("reports", "hires_over_time", "--since").code == 2


@pytest.mark.parametrize(("name", "begins"), [("c.svg", b"<svg"), ("c.png", b"\x89PNG")])
def test_a_chart_is_written(reading, tmp_path, name, begins):
    assert reading("reports", "hires_by_quarter", "--chart", str(tmp_path / name)).code == 0
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert reading("reports", "hires_by_quarter", "--chart", "c.pdf").code == 2


def test_a_chart_is_drawn_of_characters_within_80_columns(reader):
    listed = {each["name"]: each for each in reader.get("/v1/reports").json()}
    for name, query in (
        ("hires_by_quarter", "?year=2021"),
        ("departments_above_mean", "?year=2021"),
    ):
        found = reader.get(f"/v1/reports/{name}{query}").json()
        lines = list(bars(listed[name], found))
        assert max(map(len, lines)) <= 80
        longest = next(line for line in lines if "Customer Care" in line)
        assert (
            longest.count("█") + longest.count("▓") + longest.count("▒") + longest.count("░") > 40
        )


def test_rows_are_filtered_ordered_counted_and_written(reading, tmp_path):
    found = reading(
        "rows", "hired_employees", "id=gte.10", "id=lt.13", "--order", "id.desc", "--json"
    )
    assert [row["id"] for row in found.json] == [12, 11, 10]
    assert reading("rows", "jobs", "--count").lines == ["183 rows"]
    path = tmp_path / "jobs.csv"
    assert reading("rows", "jobs", "--select", "id", "-o", str(path)).code == 0
    assert len(path.read_text().splitlines()) == 184
    assert reading("rows", "jobs", "id=1").code == 1
    assert reading("rows", "jobs", "id").code == 2
