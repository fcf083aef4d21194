"""Logs: one event a line, in one form, whoever speaks."""

import json
import logging
from contextlib import ExitStack

import pytest

from service.dbt.runner import BuildFailed
from service.runtime import logs
from tests.support.log_lines import logging_to_lines

HOSTILE = "x\n2026-01-01T00:00:00Z [info] forged\r\x1b[2J\u2028\x9b"


@pytest.fixture
def logged():
    """Configures logs with the settings given; what it returns, returns the lines since then."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(logging_to_lines(**settings)).so_far


def test_json_logs_are_one_object_a_line_with_what_is_bound(logged):
    lines = logged(log_format="json")
    tokens = logs.bind(request_id="r1", load_id="l1")
    logs.get_logger("gate").info("batch committed", rows=3)
    logs.unbind(**tokens)
    logs.get_logger("gate").info("idle")
    first, second = map(json.loads, lines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "batch committed",
        "level": "info",
        "logger": "gate",
        "rows": 3,
        "request_id": "r1",
        "load_id": "l1",
    }
    assert "request_id" not in second


def test_the_standard_library_speaks_in_the_same_form(logged):
    lines = logged(log_format="json")
    logging.getLogger("uvicorn.error").warning("port %d is taken", 8000)
    (said,) = map(json.loads, lines())
    assert (said["event"], said["logger"], said["level"]) == (
        "port 8000 is taken",
        "uvicorn.error",
        "warning",
    )


@pytest.mark.parametrize("form", ["console", "json"])
def test_hostile_values_stay_on_their_line(logged, form):
    lines = logged(log_format=form)
    logs.get_logger("gate").warning(f"refused {HOSTILE}", path=HOSTILE)
    logging.getLogger("other").warning(HOSTILE)
    said = lines()
    assert len(said) == 2
    assert all(line.isprintable() for line in said)


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_cannot_pass_for_an_event(logged, form):
    lines = logged(log_format=form)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logs.get_logger("gate").exception("failed")
    first, *others = lines()
    assert "failed" in first
    assert all(line.startswith("  | ") and line.isprintable() for line in others)
    assert ("ValueError" in first) == (form == "json")


def test_less_important_events_are_left_out(logged):
    lines = logged(log_level="warning")
    logs.get_logger("gate").info("no")
    logging.getLogger("other").info("no")
    logs.get_logger("gate").warning("yes")
    assert len(lines()) == 1


def test_what_an_exception_that_carries_data_says_is_left_out(logged):
    class Odd(Exception):
        carries_data = True

    class Derived(Odd): ...

    lines = logged(log_format="json")
    private = "Zacharias Private"  # a traceback shows source lines, and this is none of them
    for kind in (Odd, Derived, BuildFailed):
        try:
            raise kind(private)
        except (Odd, BuildFailed):
            logs.get_logger("gate").exception("failed")
    said = "\n".join(lines())
    assert "Zacharias" not in said
    assert said.count("what it says may have data in it") == 3


def test_what_tests_log_of_an_exception_has_no_variables(capsys):
    variable = " ".join(["a", "value", "to", "draw"])
    try:
        raise ValueError(len(variable))
    except ValueError:
        logs.get_logger("gate").exception("failed")
    said = capsys.readouterr().out
    assert f"ValueError: {len(variable)}" in said
    assert variable not in said
