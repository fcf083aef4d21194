"""What there is to choose from, and what a row refers to."""

from collections import Counter
from urllib.parse import quote

import pytest

from tests.support.answers import is_problem

FACETS = "/v1/tables/hired_employees/facets"
HIRES = "/v1/tables/hired_employees/rows"


def facet_of(reader, column, **asked):
    (found,) = reader.get(FACETS, params={"column": column, **asked}).json()["facets"]
    return found


def test_values_come_with_their_counts_the_most_frequent_first(reader, truth):
    counted = Counter(value for (value,) in truth("select department_id from core.hired_employees"))
    expected = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    found = facet_of(reader, "department_id")
    assert [(each["value"], each["rows"]) for each in found["values"]] == expected
    assert (found["missing"], found["more"]) == (0, False)


def test_counts_are_of_the_rows_that_fit_but_for_the_columns_own_filter(reader, truth):
    asked = {"department_id": "eq.3", "job_id": "lt.40"}
    own = truth("select count(distinct department_id) from core.hired_employees where job_id < 40")
    other = truth("select count(*) from core.hired_employees where department_id = 3")
    assert [(len(facet_of(reader, "department_id", **asked)["values"]),)] == own
    jobs = facet_of(reader, "job_id", **asked, limit=1000)["values"]
    assert [(sum(each["rows"] for each in jobs),)] == other


def test_only_so_many_values_are_listed(reader):
    found = facet_of(reader, "job_id", limit=2)
    assert (len(found["values"]), found["more"]) == (2, True)


def test_all_columns_have_facets_but_unique_ones(reader):
    found = reader.get(f"{FACETS}?limit=1").json()["facets"]
    assert [each["column"] for each in found] == ["name", "datetime", "department_id", "job_id"]
    assert facet_of(reader, "id")["values"] == []


def test_values_are_written_as_rows_show_them_and_missing_ones_are_counted(odd):
    found = odd.get("/v1/tables/odd_things/facets").json()["facets"]
    by_name = {each["column"]: each for each in found}
    rows = odd.get("/v1/tables/odd_things/rows").json()["rows"]
    for name, facet in by_name.items():
        assert {each["value"] for each in facet["values"]} == {
            row[name] for row in rows if row[name] is not None
        }
        assert facet["missing"] == 1


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("column=nope", "column"),
        ("column=", "column"),
        ("column=id&column=id", "column"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("job_id=eq.x", "job_id"),
        ("nope=eq.1", "nope"),
    ],
)
def test_what_cannot_be_read_names_its_parameter(reader, query, parameter):
    answer = reader.get(f"{FACETS}?{query}")
    assert is_problem(answer, 400, "bad-request")
    assert answer.json()["parameter"] == parameter


def test_a_row_is_shown_with_what_it_refers_to(reader):
    hire = reader.get(f"{HIRES}?limit=1").json()["rows"][0]
    found = reader.get(f"{HIRES}/{hire['id']}/references").json()
    assert found["children"] == []
    for each in found["parents"]:
        assert each["value"] == hire[each["column"]] == each["row"]["id"]
        assert reader.get(each["href"]).json() == each["row"]


def test_a_row_is_shown_with_how_many_refer_to_it(reader, truth):
    (child,) = reader.get("/v1/tables/departments/rows/3/references").json()["children"]
    ids = [i for (i,) in truth("select id from core.hired_employees where department_id = 3")]
    assert (child["rows"], child["exact"]) == (len(ids), True)
    assert child["first"] == sorted(ids)[:10]
    assert len(reader.get(f"{child['href']}&limit=1000").json()["rows"]) == len(ids)


@pytest.mark.parametrize("row_id", ["999999", "x", "%00", "9" * 40])
def test_a_row_that_is_not_there_has_no_references(reader, row_id):
    assert is_problem(reader.get(f"{HIRES}/{row_id}/references"), 404, "not-found")


def test_a_row_with_a_key_of_text_has_references(odd):
    code = quote("two\nlines")
    found = odd.get(f"/v1/tables/odd_things/rows/{code}/references")
    assert found.json() == {"parents": [], "children": []}
