"""A table that has rows when its key becomes generated (``meta: {key: generated}``), and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.projects import Project
from tests.support.services import serving

VISITS = """
- name: id
  data_type: bigint
  description: Number of the visit.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: name
  data_type: varchar
  description: Who came.
"""
ROWS = "/v1/tables/visits/rows"


@contextmanager
def lives(project: Project, key: str | None = None) -> Iterator[httpx.Client]:
    """A service that knows of what was before by the warehouse alone, built with such a key."""
    project.model("visits", VISITS, **({"key": key} if key else {}))
    project.build()
    with serving(project.settings) as client:
        audit = client.get("/v1/audit").json()
        assert audit["ok"], audit
        yield client


def given(client: httpx.Client) -> list[int]:
    """The id of a new row."""
    ids: list[int] = client.post(ROWS, json=[{"name": "New"}]).json()["ids"]
    return ids


def test_no_id_that_a_row_ever_had_is_given_however_its_key_came(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.leave_out_tables()
    project.model("visits", VISITS)
    project.write("visits", "id,name\n1,Ada\n3,Bob\n")
    with lives(project):
        pass
    with lives(project, "generated") as client:
        assert client.delete(f"{ROWS}/3").status_code == 200
    with lives(project, "generated") as client:
        assert given(client) == [4]
    with lives(project) as client:
        assert client.post(ROWS, json=[{"id": 1000, "name": "Eve"}]).status_code == 201
    with lives(project, "generated") as client:
        assert client.delete(f"{ROWS}/1000").status_code == 200
    with lives(project, "generated") as client:
        assert given(client) == [1001]
