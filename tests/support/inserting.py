"""Clients who insert again and again while something else is done, and what they were told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.support.projects import Project
from tests.support.rows import hire
from tests.support.workers import PAUSE

BREATH = 0.15  # seconds between two inserts of a client: dozens in a build
LIVE, HIRES = "live", "/v1/tables/hired_employees/rows"


def project_with_rows(folder: Path) -> Project:
    """A project that was built once."""
    project = Project(folder)
    project.write("departments", "id,department\n1,One\n2,Two\n")
    project.write("jobs", "id,job\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    project.append("hired_employees", *map(line, range(1, 50)))
    project.build()
    return project


def line(number: int, department: int = 1) -> str:
    return f"{number},from the file,2021-01-01T00:00:00Z,{department},1"


@dataclass
class Clients:
    """Those who insert again and again, and what they were told."""

    client: httpx.Client
    numbers: "count[int]" = field(default_factory=lambda: count(1_000_000))
    told: dict[int, int] = field(default_factory=dict)  # status by id
    contested: list[int] = field(default_factory=list)  # ids that the history has, too

    def insert(self, ids: list[int]) -> None:
        """Inserts hires; only the history may have been faster."""
        answer = self.client.post(HIRES, json=[hire(number, name=LIVE) for number in ids])
        assert answer.status_code in (201, 422), answer.text
        if answer.status_code == 422:
            assert rules(answer) == ["unique"]
        self.told.update(dict.fromkeys(ids, answer.status_code))

    def insert_something(self) -> None:
        self.insert([next(self.numbers) for _ in range(20)])

    @contextmanager
    def inserting(self) -> Iterator[None]:
        """Has two threads insert until the block ends; one of them what is contested."""
        ended, failures = threading.Event(), list[BaseException]()

        def insert(who: int) -> None:
            try:
                while not ended.wait(BREATH):
                    if who == 0 and self.contested:
                        self.insert([self.contested.pop()])
                    else:
                        self.insert_something()
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=insert, args=[who]) for who in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        assert failures == []

    def accepted(self) -> set[int]:
        return {number for number, status in self.told.items() if status == 201}


def rules(answer: httpx.Response) -> list[str]:
    """The rules that the only rejected row breaks."""
    [rejection] = answer.json()["rejections"]
    return [violation["rule"] for violation in rejection["violations"]]


def build(clients: Clients, meanwhile: Callable[[], Any], *allow: str) -> dict[str, Any]:
    """Builds, and does something else again and again until the build has ended."""
    asked = clients.client.post("/v1/builds", params={"allow": ",".join(allow)} if allow else None)
    assert asked.status_code == 202, asked.text
    href = asked.json()["href"]
    while (said := clients.client.get(href).json())["status"] in ("queued", "running"):
        meanwhile()
        PAUSE(BREATH)
    return dict(said)


def known(clients: Clients, table: str) -> int:
    """How many rows the service says that a table has."""
    return int(clients.client.get(f"/v1/tables/{table}").json()["rows"])
