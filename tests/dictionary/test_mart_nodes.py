"""What dbt says of marts and their users: what is not said is left out."""

from typing import Any

import pytest

from service.dictionary import DataTest, Exposure, Mart, MartColumn, Owner
from service.dictionary.manifest import read_dictionary, read_saved
from service.dictionary.mart_nodes import made_of, read_exposure

GRAIN = "unique_combination_of_columns"
KEY = {"name": "id", "data_type": "integer", "description": "Number.", "constraints": []}


def model(name: str, schema: str, **more: Any) -> dict[str, Any]:
    columns = {"id": {**KEY, "constraints": [{"type": "primary_key"}]}} if schema == "core" else {}
    return {
        "resource_type": "model",
        "name": name,
        "schema": schema,
        "description": f"One row per {name}. More.",
        "columns": columns,
        "config": {"meta": {}},
        **more,
    }


def data_test(of: str, kind: str, column: str | None = None, **kwargs: Any) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "attached_node": f"model.p.{of}",
        "column_name": column,
        "test_metadata": {"name": kind, "kwargs": {"model": "x", **kwargs}},
        "config": {"where": None, "severity": "ERROR"},
    }


def nodes(**more: Any) -> dict[str, Any]:
    """A table of record, and what is said besides."""
    return {
        "model.p.jobs": model("jobs", "core", group="people"),
        "a": data_test("jobs", "not_null", "id"),
        "b": data_test("jobs", "unique", "id"),
        **more,
    }


def test_a_mart_has_grain_owner_columns_and_what_it_is_made_of():
    columns = {"id": KEY, "job": {"name": "job", "data_type": "VARCHAR", "description": "Title."}}
    mart = model(
        "by_job",
        "marts",
        columns=columns,
        group="people",
        depends_on={"nodes": ["model.p.jobs", "source.p.ops.loads", "macro.p.x"]},
    )
    tests = {
        "c": data_test("by_job", GRAIN, combination_of_columns=["id", "job"], nullable=["job"]),
        "d": data_test("by_job", "not_null", "id"),
        "e": data_test("by_job", "accepted_values", "job", values=["a", "b"]),
        "f": data_test("by_job", "relationships", "id", to="ref('jobs')", field="id"),
        "g": data_test("by_job", "at_dawn", "job", hour=5),
        "h": data_test("by_job", "accepted_values", "id", values=["1"], quote=False),
    }
    people = {"people": {"owner": {"name": "People", "email": "p@example.org"}}}
    dictionary = read_dictionary(nodes(**{"model.p.by_job": mart}, **tests), people)
    owner = Owner("People", "p@example.org")
    assert dictionary.tables["jobs"].owner == owner
    assert dictionary.marts["by_job"] == Mart(
        "by_job",
        "One row per by_job. More.",
        (
            MartColumn(
                "id",
                "integer",
                "Number.",
                (
                    DataTest(
                        "accepted_values",
                        {"values": ["1"], "quote": False},
                        "accepted_values (values: ['1'], quote: False)",
                    ),
                    DataTest("not_null", {}, "a value is required"),
                    DataTest(
                        "relationships",
                        {"to": "ref('jobs')", "field": "id", "parent": "jobs"},
                        "the id of a row in jobs",
                    ),
                ),
            ),
            MartColumn(
                "job",
                "varchar",
                "Title.",
                (
                    DataTest("accepted_values", {"values": ["a", "b"]}, "one of a, b"),
                    DataTest("at_dawn", {"hour": 5}, "at_dawn (hour: 5)"),
                ),
            ),
        ),
        ("id", "job"),
        ("jobs", "ops.loads"),
        owner,
    )


def test_the_grain_of_a_mart_may_be_its_unique_column():
    mart = model("by_job", "marts", columns={"id": KEY})
    said = nodes(**{"model.p.by_job": mart}, c=data_test("by_job", "unique", "id"))
    assert read_dictionary(said).marts["by_job"].grain == ("id",)


def test_our_own_test_of_the_grain_says_of_every_column_that_it_is_there():
    columns = {"id": KEY, "job": {**KEY, "name": "job"}, "other": {**KEY, "name": "other"}}
    mart = model("by_job", "marts", columns=columns)
    test = data_test("by_job", GRAIN, combination_of_columns=["id"], nullable=["other"])
    of_dbt_utils = {**test, "test_metadata": {**test["test_metadata"], "namespace": "dbt_utils"}}
    for said, expected in ((test, {"id", "job"}), (of_dbt_utils, set())):
        read = read_dictionary(nodes(**{"model.p.by_job": mart}, c=said)).marts["by_job"]
        assert {each.name for each in read.columns if each.tests} == expected
        assert read.grain == ("id",)


def test_what_an_earlier_version_saved_is_read():
    mart = model("by_job", "marts", columns={"id": KEY})
    dictionary = read_saved({"nodes": nodes(**{"model.p.by_job": mart})})
    assert dictionary.exposures == ()
    assert dictionary.marts["by_job"].grain == dictionary.marts["by_job"].made_of == ()
    assert dictionary.tables["jobs"].owner == Owner("people")  # all that is known


@pytest.mark.parametrize(
    ("owner", "read"),
    [
        ({"name": "Ada", "email": None}, Owner("Ada")),
        ({"email": "a@example.org"}, Owner("a@example.org", "a@example.org")),
        ({}, None),
        (None, None),
    ],
)
def test_an_exposure_may_say_little(owner: Any, read: Owner | None) -> None:
    said = {"name": "board", "label": None, "type": "dashboard", "url": "", "owner": owner}
    assert read_exposure(said) == Exposure("board", "dashboard", owner=read)
    assert made_of({"depends_on": None}) == ()
