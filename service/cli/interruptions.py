"""Ctrl-C and SIGTERM: what goes on elsewhere is told, and on a terminal it can be cancelled."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from service.cli import output

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM has come, `number`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.is_told = False  # what goes on, and what does not

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


@contextmanager
def raised() -> Iterator[None]:
    """Within the block the first signal raises Interrupted; a second one ends the process."""

    def interrupt(number: int, _: FrameType | None) -> None:
        _let_the_next_end_it()
        raise Interrupted(number)

    with _handled_by(interrupt):
        yield


@contextmanager
def passed_on(ask: Callable[[], None]) -> Iterator[None]:
    """Within the block the first signal calls `ask`, which has its work end soon.

    Raises:
        Interrupted: after the block, if a signal came.
    """
    came: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        _let_the_next_end_it()
        came.append(number)
        ask()

    with _handled_by(pass_on):
        yield
    if came:
        raise Interrupted(came[0])


@contextmanager
def offering(what: str, goes_on: str, cancel: Callable[[], None] | None = None) -> Iterator[None]:
    """Within the block: an interruption is told, `what` it does not end, and how it `goes_on`.

    Where it can be cancelled, someone at a terminal is asked.

    Raises:
        Interrupted: as the block does.
    """
    try:
        yield
    except Interrupted as interrupted:
        output.note(f"interrupted: {what} {goes_on}")
        interrupted.is_told = True
        if cancel and interrupted.number == signal.SIGINT and _wants_it_cancelled():
            cancel()
            output.note(f"{what} was cancelled, and ends soon")
        raise


def _wants_it_cancelled() -> bool:
    if not output.can_ask():
        return False
    try:
        return click.confirm("Cancel it? (Ctrl-C leaves it)", err=True)
    except click.Abort:
        return False


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in SIGNALS}
    try:
        yield
    finally:
        for each, old in before.items():
            if signal.getsignal(each) is handler:  # else one has come, and the next may end it
                signal.signal(each, old)


def _let_the_next_end_it() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
