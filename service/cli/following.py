"""How far a backup or a restore is, on the terminal, while a command waits for it."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from service.cli import output
from service.cli.failures import Failure

if TYPE_CHECKING:
    from service.cli.client import Client

POLL_SECONDS = 0.5
LEAVE_SECONDS = 2.0  # for an answer that is under way


@contextmanager
def following(client: "Client", kind: str, label: str) -> Iterator[None]:
    """Shows the rows that are done of the newest task of a kind, until the block is left.

    Nobody is asked where there is no terminal.
    """
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    with output.progress(label) as step:
        thread = threading.Thread(target=_follow, args=(client, kind, step, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(LEAVE_SECONDS)


def _follow(client: "Client", kind: str, step: Callable[..., None], over: threading.Event) -> None:
    shown = 0
    while not over.wait(POLL_SECONDS):
        try:
            tasks = client.get("/v1/tasks")["tasks"]
        except Failure:  # the command itself says what is wrong
            return
        progress = _of_newest(tasks, kind)
        if progress is not None:
            step(progress["rows_done"] - shown, progress["rows"])
            shown = progress["rows_done"]


def _of_newest(tasks: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    running = (each for each in tasks if each["status"] == "running" and each["kind"] == kind)
    found = next(running, None)
    return None if found is None else found["progress"]
