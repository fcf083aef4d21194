"""What answers say, and what is found in folders."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from service.backups.owner_mark import OWNER

PATIENCE = 120  # seconds
_pause = Event().wait


def all_pages(client: httpx.Client, path: str, member: str, **parameters: Any) -> list[Any]:
    """Everything in a paged list, by its links."""
    answer = client.get(path, params=parameters)
    found = answer.json()[member]
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        assert answer.status_code == 200, answer.text
        found += answer.json()[member]
    assert answer.json()["next"] is None
    return list(found)


def files_in(folder: Path) -> set[str]:
    """The names of all files in and below a folder."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def backups_in(folder: Path) -> set[str]:
    """The names of all files in a folder of backups, but the mark that says whose it is."""
    return files_in(folder) - {OWNER}


def is_problem(answer: httpx.Response, status: int, slug: str) -> bool:
    """Whether the answer is a problem document (RFC 9457) that says so."""
    said = answer.json()
    return (
        answer.status_code == said["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and said["type"] == f"urn:gatehouse:problem:{slug}"
    )


def looks() -> Iterator[None]:
    """A turn for each look at work that is under way, at ever longer intervals.

    Each look costs the service, which runs in this process, as much as it costs the test.
    """
    until, pause = time.monotonic() + PATIENCE, 0.02
    while time.monotonic() < until:
        yield
        _pause(pause)
        pause = min(1.5 * pause, 0.5)
    raise AssertionError("it does not end")


def ended(client: httpx.Client, href: str) -> dict[str, Any]:
    """A build, a load or a task, when it has ended."""
    for _ in looks():
        found: dict[str, Any] = client.get(href).json()
        if found["status"] not in ("queued", "running"):
            break
    return found
