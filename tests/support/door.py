"""Requests with rows for a running service, and what its warehouse says afterwards."""

import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from service.runtime.settings import Settings
from tests.support.answers import is_problem
from tests.support.rows import ENCODINGS, FORMATS, JSON
from tests.support.services import serving, settings_in
from tests.support.world import everything


@dataclass
class Door:
    """A service that many tests share: each takes ids of its own."""

    client: httpx.Client
    settings: Settings
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_000))

    def fresh(self, count: int = 1) -> list[int]:
        """Ids that no row has."""
        return list(itertools.islice(self.numbers, count))

    def rows(
        self,
        body: Any,
        table: str = "departments",
        kind: str | None = JSON,
        encoding: str = "identity",
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> httpx.Response:
        """Posts rows, or a body as it is."""
        sent = {"content-type": kind} if kind else {}
        if encoding != "identity":
            sent["content-encoding"] = encoding
        if not isinstance(body, bytes):
            body = FORMATS.get(kind or JSON, msgspec.json.encode)(body)
        return self.client.post(
            f"/v1/tables/{table}/rows",
            content=ENCODINGS[encoding](body),
            headers={**sent, **(headers or {})},
            params=query,
        )

    def tables(
        self, body: Any, headers: Mapping[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        """Posts rows of several tables."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {"content-type": JSON, **(headers or {})}
        return self.client.post("/v1/rows", content=content, headers=sent, params=query)

    def refuses(self, status: int, slug: str, *request: Any, **options: Any) -> dict[str, Any]:
        """The problem that is answered to a request of which nothing may be kept."""
        before = self.everything()
        answer = self.rows(*request, **options)
        assert is_problem(answer, status, slug), (answer.status_code, answer.text)
        assert self.everything() == before
        return dict(answer.json())

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the warehouse says; the service runs in this process, so that it can be asked."""
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            return connection.execute(query, list(values)).fetchall()

    def kept(self, numbers: Sequence[int], table: str = "departments") -> list[int]:
        """Those of the ids that are in the table."""
        query = f"select id from core.{table} where id in (select unnest(?)) order by id"
        return [number for (number,) in self.ask(query, list(numbers))]

    def everything(self) -> dict[str, tuple[int, int]]:
        """The whole warehouse."""
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            return everything(connection)

    def load(self, load_id: str) -> list[tuple[Any, ...]]:
        """(table, status, received, accepted, rejected) of a load."""
        query = (
            "select table_name, status, received, accepted, rejected from ops.loads"
            " where load_id = ? order by 1"
        )
        return self.ask(query, load_id)


@contextmanager
def open_door(built: Settings, folder: Path) -> Iterator[Door]:
    """A service on a copy of the built warehouse."""
    settings = settings_in(folder)
    shutil.copy(built.warehouse, settings.warehouse)
    with serving(settings) as client:
        yield Door(client, settings)


@pytest.fixture(scope="module")
def door(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service that the tests of a module share."""
    with open_door(built, tmp_path_factory.mktemp("door")) as door:
        yield door


def found(answer: httpx.Response) -> dict[int, list[tuple[str | None, str]]]:
    """Column and rule of every violation that an answer names, by row."""
    return {
        each["row"]: [(v["column"], v["rule"]) for v in each["violations"]]
        for each in answer.json()["rejections"]
    }


def counts(answer: httpx.Response) -> tuple[int, int, int]:
    """How many rows were received, accepted and rejected, by the answer."""
    said = answer.json()
    return said["received"], said["accepted"], said["rejected"]
