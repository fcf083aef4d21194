"""What a refusal looks like on the command line."""

import pytest

from service.cli.failures import Refused
from service.errors import LONGEST, Problem, UnknownTable, shortened


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (
            {"detail": "HIRES export (1).csv: it has no rows"},
            "HIRES export (1).csv: it has no rows",
        ),
        ({"detail": "Ümläute.csv has no rows", "title": "No"}, "Ümläute.csv has no rows"),
        ({"title": "Method not allowed"}, "method not allowed"),
        ({}, "status 418"),
    ],
)
def test_a_name_at_the_beginning_of_a_message_is_told_as_it_is(problem, message):
    assert Refused(418, problem).message == message


@pytest.mark.parametrize(
    ("kind", "listed_by"),
    [
        ("no such rejection", "rejections"),
        ("no backup of this id", "backups"),
        ("no such load", "loads"),
        ("no such build", "builds"),
    ],
)
def test_what_is_not_there_comes_with_what_lists_the_others(reader, kind, listed_by):
    path = f"/v1/{listed_by}/nothing"
    refused = Refused(404, reader.get(path).json())
    assert refused.message == f"there is {kind}"
    assert str(refused.hint).startswith(f"`gatehouse {listed_by}` lists th")


def test_a_file_is_told_by_the_path_that_was_given():
    detail = "a.csv: it has no rows"
    assert Refused(422, {"detail": detail}).of_file("a.csv", "x/a.csv").message == (
        "x/a.csv: it has no rows"
    )
    assert Refused(413, {"detail": "too large"}).of_file("a.csv", "x/a.csv", ", row 5").message == (
        "x/a.csv, row 5: too large"
    )


def test_no_message_repeats_all_of_what_was_sent():
    assert len(Problem("x" * 300_000).detail) == LONGEST + 1
    assert UnknownTable("x" * 300_000, ["jobs"]).detail.endswith("x…'; there are jobs")
    assert (shortened("a" * 100), shortened("a" * 101)) == ("a" * 100, "a" * 100 + "…")
