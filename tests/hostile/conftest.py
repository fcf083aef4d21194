"""What hostile tests share: a service to be asked by all of them, and the count of their cases."""

from collections.abc import Iterator

import pytest

from tests.api.door import Door, open_door
from tests.hostile import chance


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at the end what was tried, and how to try the same again."""
    if not chance.done:
        return
    terminalreporter.section("hostile input")
    for name, number in sorted(chance.done.items()):
        terminalreporter.line(f"{number:>8,} {name}")
    terminalreporter.line(f"{chance.done.total():>8,} cases in all ({chance.repeat()})")


@pytest.fixture(scope="module")
def door(built, tmp_path_factory) -> Iterator[Door]:
    """A service that the tests of a module share."""
    with open_door(built, tmp_path_factory.mktemp("hostile")) as door:
        yield door
