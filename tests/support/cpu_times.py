"""Where the time of a run goes: `make times` tells the CPU time of files, tests and fixtures.

It is CPU time, of a test's process and of those it has started; the clock says how busy the
machine was. What several tests share counts for the first of them, but for fixtures, which have a
list of their own. What a process of another has taken counts once that has ended.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest

from tests.support import nursery

MOST = 25  # lines of a list

Times = defaultdict[str, float]
of_tests: Times = defaultdict(float)
of_fixtures: Times = defaultdict(float)


def seconds() -> float:
    """CPU time of this process so far, of those that it has started, and of the nursery's."""
    return sum(os.times()[:4]) + sum(nursery.ended)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Notes what a test takes, with what it sets up and takes down."""
    before = seconds()
    try:
        return (yield)
    finally:
        of_tests[item.nodeid] += seconds() - before


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Generator[None, Any, Any]:
    """Notes what a fixture takes, without those that it asks for."""
    before = seconds()
    try:
        return (yield)
    finally:
        of_fixtures[f"{fixturedef.argname} ({fixturedef.scope})"] += seconds() - before


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tells the first process what this one has noted."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cpu"] = [dict(of_tests), dict(of_fixtures)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Another process has ended."""
    noted = getattr(node, "workeroutput", {}).get("cpu", ({}, {}))
    for ours, theirs in zip((of_tests, of_fixtures), noted, strict=True):
        for name, taken in theirs.items():
            ours[name] += taken


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The dearest of each kind."""
    files: Times = defaultdict(float)
    for name, taken in of_tests.items():
        files[name.partition("::")[0]] += taken
    for kind, found in (("files", files), ("tests", of_tests), ("fixtures", of_fixtures)):
        terminalreporter.section(f"CPU seconds of {kind}: {sum(found.values()):.0f} in all")
        for name in sorted(found, key=found.__getitem__, reverse=True)[:MOST]:
            terminalreporter.line(f"{found[name]:8.1f} {name}")
