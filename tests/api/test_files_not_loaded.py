"""POST /v1/tables/{table}/files: what is refused, and dry runs; nothing of them is loaded."""

import gzip
import shutil
from collections.abc import Iterator

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.answers import files_in, is_problem
from tests.support.contract import Contract
from tests.support.services import serving_by, settings_in
from tests.support.uploads import HEADER, MOMENT, books, counts, followed, hires, landed, send


@pytest.fixture(scope="module")
def settings(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a warehouse that these tests share."""
    own = settings_in(tmp_path_factory.mktemp("not_loaded"))
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    return own


@pytest.fixture(scope="module")
def client(settings: Settings, contract: Contract) -> Iterator[httpx.Client]:
    """Of a service on it."""
    with serving_by(contract, settings) as client:
        yield client


def test_what_makes_no_sense_is_refused_and_on_record(
    client: httpx.Client, settings: Settings
) -> None:
    before = books(settings)
    answer = send(client, "hired_employees", "a;b\n1;2\n", filename="/tmp/../x/some.csv")
    assert is_problem(answer, 422, "unreadable-file")
    assert answer.json()["detail"].startswith("some.csv: it has 2 columns where 5 are needed")
    load = client.get(f"/v1/loads/{answer.json()['load_id']}").json()
    assert (load["status"], counts(load), load["source"]) == ("refused", (0, 0, 0, 0), "some.csv")
    assert "2 columns" in load["detail"]
    after = books(settings)
    assert {name for name in after if after[name] != before.get(name)} == {"ops.loads"}
    assert files_in(settings.spool) == set()


@pytest.mark.parametrize(
    ("said", "status", "slug"),
    [
        ({"delimiter": "::"}, 400, "bad-request"),
        ({"delimiter": "\\x0a"}, 400, "bad-request"),
        ({"quote": "`"}, 400, "bad-request"),
        ({"escape": "slash"}, 400, "bad-request"),
        ({"comment": " "}, 400, "bad-request"),
        ({"skip": -1}, 400, "bad-request"),
        ({"skip": "two"}, 400, "bad-request"),
        ({"delimiter": "|", "comment": "|"}, 400, "bad-request"),
        ({"delimeter": ";"}, 400, "bad-request"),
        ({"columns": "id,nome"}, 422, "unreadable-file"),
        ({"encoding": "klingon"}, 422, "unreadable-file"),
        ({"header": "perhaps"}, 400, "bad-request"),
    ],
)
def test_what_is_said_wrongly_is_refused(
    client: httpx.Client, said: dict[str, str], status: int, slug: str
) -> None:
    assert is_problem(send(client, "departments", "id,department\n1,A\n", **said), status, slug)


def test_other_types_are_not_taken(client: httpx.Client) -> None:
    for headers in (
        {"Content-Type": "application/json"},
        {"Content-Type": "text/csv", "Content-Encoding": "br"},
    ):
        answer = client.post("/v1/tables/departments/files", content=b"x", headers=headers)
        assert is_problem(answer, 415, "unsupported-format")


def test_a_dry_run_says_what_would_be_and_changes_nothing(
    client: httpx.Client, settings: Settings
) -> None:
    client.get("/v1/tables")
    before, lines = books(settings), landed(settings)
    assert len(lines["hired_employees"]) > 0
    file = HEADER + hires(7001, 2) + f"7003,Bo,{MOMENT},99,1\n"
    load = followed(client, send(client, "hired_employees", file, dry_run=True))
    assert counts(load) == (3, 2, 1, 0)
    assert load["rejections"] == [
        {
            "line": 4,
            "violations": [
                {
                    "column": "department_id",
                    "rule": "relationships",
                    "message": "departments has no row with id 99",
                    "value": "99",
                }
            ],
        }
    ]
    assert books(settings) == before
    assert landed(settings) == lines, "the lines of the last load are those of the last load"
    assert client.get("/v1/tables/hired_employees/rows/7001").status_code == 404


def test_a_file_that_is_damaged_further_on_fails_and_says_so(client: httpx.Client) -> None:
    department = "id,department\n" + "".join(f"{i},Some name {i}\n" for i in range(100, 200_000))
    content = bytearray(gzip.compress(department.encode(), mtime=0))
    content[-4] ^= 1  # the length at its end is wrong
    answer = send(client, "departments", bytes(content))
    assert is_problem(answer, 422, "unreadable-file")
    assert "its gzip data is damaged" in answer.json()["detail"]
