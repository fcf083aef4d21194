"""Clients of every kind at work at the same time, who remember what they were told.

Each writes where no other does, so that what must be there after a kill follows from what it was
told, and from the one request that it had no answer to, which was either done or not.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import httpx

from tests.support.rows import hire
from tests.support.services import client_of

FIRST = 1_000_000  # ids that the seeds do not have
LAST = 10 * FIRST
BATCH = 5
LINES = 800  # two parts
BROKEN = 20  # one of so many lines lacks its job
PAUSE = threading.Event().wait  # between two looks at work that is under way
CSV = {"Content-Type": "text/csv"}


class Gone(Exception):
    """The service has been killed: there was no answer."""


class Worker(ABC):
    """One client in a thread of its own; what it has learned outlives the service."""

    def __init__(self) -> None:
        self._asked = count()

    def work(self, url: str, stop: threading.Event) -> None:
        """Goes on until the service is gone, or `stop` is set."""
        with client_of(url) as client:
            try:
                self.settle(client)
                while not stop.is_set():
                    self.step(client)
            except Gone:
                return

    @property
    def acknowledged(self) -> int:
        """How many rows must be there since it was told so."""
        return 0

    @abstractmethod
    def step(self, client: httpx.Client) -> None:
        """Does one thing, and remembers the answer; Gone when there is none."""

    def settle(self, client: httpx.Client) -> None:  # noqa: B027 - most have nothing to settle
        """Finds out what came of the request that it had no answer to, if there is one."""

    @abstractmethod
    def check(self, client: httpx.Client) -> None:
        """Fails when something is missing, there twice, or half done; settles what was open."""

    def ask(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, which must be one of a service in good health."""
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError as error:
            raise Gone from error
        if answer.status_code == 503:  # it is just ending, or others wait: nothing was done
            raise Gone
        assert answer.status_code < 500, answer.text
        return answer


class Inserter(Worker):
    """Inserts departments with one hire each, in one transaction."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._numbers = count(first)
        self._first = first
        self.told: set[int] = set()
        self._open: tuple[str, list[int]] | None = None

    def step(self, client: httpx.Client) -> None:
        ids = [next(self._numbers) for _ in range(BATCH)]
        self._open = (f"insert {ids[0]}", ids)
        self._insert(client)

    @property
    def acknowledged(self) -> int:
        return 2 * len(self.told)

    def _insert(self, client: httpx.Client) -> None:
        assert self._open
        key, ids = self._open
        rows = {
            "departments": [{"id": i, "department": f"batch {ids[0]}"} for i in ids],
            "hired_employees": [hire(i, i) for i in ids],
        }
        answer = self.ask(client, "POST", "/v1/rows", json=rows, headers={"Idempotency-Key": key})
        assert answer.status_code == 201, answer.text
        self.told.update(ids)
        self._open = None

    def check(self, client: httpx.Client) -> None:
        asked = set(self._open[1]) if self._open else set()
        for table in ("departments", "hired_employees"):
            there = ids_of(client.get, table, self._first, self._first + FIRST)
            assert self.told <= there, "what was answered is missing"
            assert there - self.told in (set(), asked), "a part of a request is there"
        self.settle(client)

    def settle(self, client: httpx.Client) -> None:
        if self._open:
            self._insert(client)  # the same answer again, or the first one


class Loader(Worker):
    """Sends files of hires."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._numbers = count(first, LINES)
        self._first = first
        self._taken: dict[str, int] = {}
        self._open: int | None = None
        self._done: set[int] = set()

    def step(self, client: httpx.Client) -> None:
        self._open = next(self._numbers)
        load_id = self._send(client)
        self._wait(client, load_id)

    @property
    def acknowledged(self) -> int:
        return len(self._done) * (LINES - LINES // BROKEN)

    def _send(self, client: httpx.Client) -> str:
        assert self._open is not None
        answer = self.ask(
            client,
            "POST",
            f"/v1/tables/hired_employees/files?filename={self._open}.csv",
            content=_file(self._open),
            headers={**CSV, "Idempotency-Key": f"file {self._open}"},
        )
        assert answer.status_code == 202, answer.text
        load_id = str(answer.json()["load_id"])
        self._taken[load_id], self._open = self._open, None
        return load_id

    def _wait(self, client: httpx.Client, load_id: str) -> None:
        """Until it is loaded; its counts are right at any time."""
        status = "running"
        while status == "running":
            PAUSE(0.1)
            load = self.ask(client, "GET", f"/v1/loads/{load_id}").json()
            total = load["accepted"] + load["rejected"] + load["already_present"]
            assert load["received"] == total, load
            status = load["status"]
        assert (status, load["received"]) == ("done", LINES), load
        assert load["rejected"] == LINES // BROKEN, load
        self._done.add(self._taken.pop(load_id))

    def settle(self, client: httpx.Client) -> None:
        if self._open is not None:  # it was not taken in, or it was: once is enough
            self._send(client)
        for load_id in list(self._taken):
            self._wait(client, load_id)

    def check(self, client: httpx.Client) -> None:
        self.settle(client)
        there = ids_of(client.get, "hired_employees", self._first, self._first + FIRST)
        assert there == {i for first in self._done for i in _fitting(first)}


class Builder(Worker):
    """Has the service build, again and again."""

    def step(self, client: httpx.Client) -> None:
        asked = self.ask(client, "POST", "/v1/builds")
        assert asked.status_code in (202, 409), asked.text
        if asked.status_code == 202:
            build: dict[str, Any] = {"status": "queued"}
            while build["status"] in ("queued", "running"):
                PAUSE(0.1)
                build = self.ask(client, "GET", asked.json()["href"]).json()
            assert build["status"] == "done" or "was stopped" in build["message"], build

    def check(self, client: httpx.Client) -> None:
        """There is nothing that it was promised."""


class Keeper(Worker):
    """Backs all tables up, removes old sets, and remembers which must be there."""

    MOST = 3

    def __init__(self) -> None:
        super().__init__()
        self.sets: dict[str, list[str]] = {}
        self._going: set[str] = set()

    def step(self, client: httpx.Client) -> None:
        made = self.ask(client, "POST", "/v1/backups")
        assert made.status_code == 201, made.text
        ids = [each["backup_id"] for each in made.json()["backups"]]
        self.sets[made.json()["set_id"]] = ids
        while len(self.sets) > self.MOST:
            oldest = next(iter(self.sets))
            self._going.update(self.sets.pop(oldest))
        for backup_id in list(self._going):
            removed = self.ask(client, "DELETE", f"/v1/backups/{backup_id}")
            assert removed.status_code in (204, 404), removed.text
            self._going.discard(backup_id)

    def check(self, client: httpx.Client) -> None:
        there = {
            each["backup_id"]: each
            for each in client.get("/v1/backups?limit=10000").json()["backups"]
        }
        for set_id, ids in self.sets.items():
            assert {there[backup_id]["set_id"] for backup_id in ids} == {set_id}
        sizes = {each["set_id"]: each["set_size"] for each in there.values() if each["set_id"]}
        for set_id, size in sizes.items():
            left = [i for i, each in there.items() if each["set_id"] == set_id]
            assert len(left) == size or self._going & {*left} or set_id not in self.sets
        for backup_id, each in there.items():  # safety backups of the restorer, and lost answers
            if each["set_id"] not in self.sets:
                client.delete(f"/v1/backups/{backup_id}")
        self._going.clear()


class Restorer(Worker):
    """Adds jobs and goes back, with jobs that no one else refers to."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._numbers = count(first)
        self._first = first
        self._now: frozenset[int] = frozenset()
        self._then: frozenset[int] | None = None  # what it is if the open request was done

    def step(self, client: httpx.Client) -> None:
        backup = self.ask(client, "POST", "/v1/tables/jobs/backups").json()
        kept = self._now
        for _ in range(2):
            self._insert(client)
        self._change(client, kept, "/v1/tables/jobs/restore", {"backup_id": backup["backup_id"]})
        self._insert(client)

    @property
    def acknowledged(self) -> int:
        return len(self._now)

    def _insert(self, client: httpx.Client) -> None:
        ids = [next(self._numbers) for _ in range(BATCH)]
        rows = [{"id": i, "job": f"job {i}"} for i in ids]
        self._change(client, self._now | {*ids}, "/v1/tables/jobs/rows", rows)

    def _change(self, client: httpx.Client, then: frozenset[int], path: str, body: Any) -> None:
        self._then = then
        answer = self.ask(client, "POST", path, json=body)
        assert answer.status_code in (200, 201), answer.text
        self._now, self._then = then, None

    def check(self, client: httpx.Client) -> None:
        self.settle(client)

    def settle(self, client: httpx.Client) -> None:
        get = partial(self.ask, client, "GET")
        there = frozenset(ids_of(get, "jobs", self._first, self._first + FIRST))
        assert there in (self._now, self._then)
        self._now, self._then = there, None


def _fitting(first: int) -> Iterator[int]:
    return (first + n for n in range(LINES) if n % BROKEN)


def _file(first: int) -> str:
    lines = ["id,name,datetime,department_id,job_id"]
    for n in range(LINES):
        lines.append(",".join(map(str, hire(first + n, job_id=1 if n % BROKEN else "").values())))
    return "\n".join(lines) + "\n"


def ids_of(get: Callable[[str], httpx.Response], table: str, first: int, end: int) -> set[int]:
    """The ids from `first` on, before `end`, of a table, which has each once."""
    found: list[int] = []
    path: str | None = f"/v1/tables/{table}/rows?limit=10000"
    while path:
        answer = get(path)
        assert answer.status_code == 200, answer.text
        found += [row["id"] for row in answer.json()["rows"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert len(found) == len(set(found)), "something is there twice"
    return {number for number in found if first <= number < end}
