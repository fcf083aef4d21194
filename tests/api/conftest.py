"""Services to ask, and what they ought to know."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from service.runtime.settings import Settings
from tests.api.contract import Contract
from tests.conftest import serving, settings_in
from tests.projects import Project

# One column of every type, and those that are not required may be missing.
ODD_COLUMNS = """
- name: code
  data_type: varchar
  description: What it is called by.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- {name: size, data_type: bigint, description: How large it is.}
- {name: weight, data_type: double, description: How heavy it is.}
- {name: broken, data_type: boolean, description: Whether it is broken.}
- {name: found_on, data_type: date, description: The day it was found.}
- {name: seen_at, data_type: timestamp, description: When it was last seen.}
"""
ODD_HISTORY = '''code,size,weight,broken,found_on,seen_at
"comma, ""quote""",9223372036854775807,0.1,true,0001-01-01,2021-11-07T02:48:42Z
"two
lines",-9223372036854775808,-1e-7,false,9999-12-31,2021-11-07T02:48:42.5Z
nothing,,,,,
Ünïcode ☃ 𝄞,0,12.5,true,2024-02-29,2021-11-07 02:48:42.000001+02:00
a/b?c=d#e%20&f,1,1,false,2021-01-01,0001-01-01T00:00:00Z
'''


@pytest.fixture(scope="session")
def contract(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The OpenAPI document: every answer that a test of these gets is checked by it."""
    own = settings_in(tmp_path_factory.mktemp("contract"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        return Contract(client.get("/schema").json())


@pytest.fixture
def client(settings: Settings, contract: Contract) -> Iterator[httpx.Client]:
    """A client of a service on a warehouse of this test's own."""
    with serving(settings) as client:
        client.event_hooks["response"].append(contract.check)
        yield client


@pytest.fixture(scope="session")
def reader(
    built: Settings, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a service that all tests share: they may read, and nothing else."""
    own = settings_in(tmp_path_factory.mktemp("read"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        client.event_hooks["response"].append(contract.check)
        yield client


@pytest.fixture(scope="session")
def truth(built: Settings) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of the warehouse that `reader` reads, asked of DuckDB itself."""

    def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(built.warehouse), read_only=True) as connection:
            return connection.execute(sql, list(values)).fetchall()

    return ask


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service with another table: odd_things, whose key is text. Only to be read."""
    project = Project(tmp_path_factory.mktemp("odd"))
    project.model("odd_things", ODD_COLUMNS, about="thing that is odd")
    project.write("odd_things", ODD_HISTORY)
    for table in ("departments", "jobs"):
        project.write(table, f"id,{table[:-1]}\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    project.build()
    with serving(project.settings) as client:
        odd_contract = Contract(client.get("/schema").json())
        client.event_hooks["response"].append(odd_contract.check)
        yield client


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


def is_problem(answer: httpx.Response, status: int, slug: str) -> bool:
    """Whether the answer is a problem document (RFC 9457) that says so."""
    said = answer.json()
    return (
        answer.status_code == said["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and said["type"] == f"urn:gatehouse:problem:{slug}"
    )
