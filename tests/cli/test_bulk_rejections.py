"""Work on many rejections: the command and the API mean the same rows, and count them alike."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.commands import run
from tests.support.rows import hire
from tests.support.services import copied, serving

FILTERS: list[dict[str, str]] = [
    {},
    {"table": "hired_employees"},
    {"table": "hired_employees", "column": "department_id", "rule": "relationships"},
    {"rule": "relationships,not_null", "text": "NAME 1"},
    {"table": "departments"},
]


@pytest.fixture(scope="module")
def desk(
    built: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Settings]]:
    settings = copied(built, tmp_path_factory.mktemp("desk"))
    rows = [hire(9100 + n) | {"name": f"Name {n}", "department_id": 900 + n % 2} for n in range(12)]
    with serving(settings) as client:
        client.post("/v1/tables/hired_employees/rows", json=rows)
        client.post("/v1/tables/departments/rows", json=[{"id": 1, "department": " "}])
        yield client, settings


def asked(desk: tuple[httpx.Client, Settings], *words: str, code: int = 0) -> Any:
    client, settings = desk
    answer = run(settings, "rejections", *words, "--json", GATEHOUSE_URL=str(client.base_url))
    assert answer.code == code, answer.err
    return answer.json


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_filter_means_the_same_rows_to_both(desk: Any, wanted: dict[str, str]):
    client, _ = desk
    said = [f"--{name}={value}" for name, value in wanted.items()]
    groups = client.get("/v1/rejections/groups", params={**wanted, "status": "open"}).json()
    assert asked(desk, "groups", "--status", "open", *said) == groups
    matched = groups["rejections"]
    assert matched
    trial = client.post("/v1/rejections/replay", params={**wanted, "dry_run": True}).json()
    assert trial["matched"] == matched
    many = said or ["--all"]
    assert asked(desk, "replay", "--dry-run", *many, code=int(trial["rejected"] > 0)) == trial
    meant = client.post("/v1/rejections/dismiss", params={**wanted, "dry_run": True}).json()
    assert meant == {"matched": matched, "dismissed": 0}
    assert asked(desk, "dismiss", "--dry-run", *many) == meant
    wrong = asked(desk, "dismiss", "--expected", str(matched + 1), *many, code=1)
    assert wrong["status"] == 409


def test_what_is_done_by_one_is_done_to_the_other(desk: Any):
    client, _ = desk
    wanted = {"table": "hired_employees", "rule": "relationships"}
    said = [f"--{name}={value}" for name, value in wanted.items()]
    before = client.get("/v1/rejections/groups", params={**wanted, "status": "open"}).json()
    set_by_command = asked(
        desk, "replay", *said, "--text", "Name 1", "--set", "department_id=3",
        "--set", "job_id=7",
    )  # fmt: skip
    assert set_by_command["accepted"] == set_by_command["matched"] == 3  # 1, 10 and 11
    left = client.get("/v1/rejections/groups", params={**wanted, "status": "open"}).json()
    assert left["rejections"] == before["rejections"] - 3
    rest = {"params": {**wanted, "text": "name 2"}, "json": {"set": {"department_id": 3}}}
    by_api = client.post("/v1/rejections/replay", **rest).json()
    assert by_api["accepted"] == by_api["matched"] == 1
    rest_of_them = before["rejections"] - 4
    done = asked(desk, "dismiss", *said, "--reason", "a test", "--expected", str(rest_of_them))
    assert done["dismissed"] == rest_of_them
    assert asked(desk, "groups", "--status", "open", *said)["rejections"] == 0
    nothing = client.post("/v1/rejections/dismiss", params=wanted).json()
    assert nothing == {"matched": 0, "dismissed": 0}


@pytest.mark.parametrize(
    "words", [["dismiss"], ["dismiss", "x", "--all"], ["dismiss", "x", "--dry-run"],
              ["dismiss", "x", "--expected", "1"]]
)  # fmt: skip
def test_what_makes_no_sense_is_said_before_anything_is_asked(desk: Any, words: list[str]):
    client, settings = desk
    answer = run(settings, "rejections", *words, GATEHOUSE_URL=str(client.base_url))
    assert answer.code == 2
