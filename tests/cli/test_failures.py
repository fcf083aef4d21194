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


def test_no_message_repeats_all_of_what_was_sent():
    assert len(Problem("x" * 300_000).detail) == LONGEST + 1
    assert UnknownTable("x" * 300_000, ["jobs"]).detail.endswith("x…'; there are jobs")
    assert (shortened("a" * 100), shortened("a" * 101)) == ("a" * 100, "a" * 100 + "…")
