"""What is missing in the lake is told, and never left out of the feed."""

from pathlib import Path

import msgspec
import pytest

from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support.answers import is_problem
from tests.support.contract import Contract
from tests.support.services import copied, serving_by


@pytest.mark.parametrize("lost", ["raw/hired_employees", "raw/departments", "segments"])
def test_what_the_lake_has_lost_is_a_problem_and_no_shorter_feed(
    built: Settings, contract: Contract, tmp_path: Path, lost: str
) -> None:
    settings = msgspec.structs.replace(
        copied(built, tmp_path), lake=Location(tmp_path / "lake"), lake_segment_seconds=3600
    )
    with serving_by(contract, settings) as client:
        client.post("/v1/lake/ship").raise_for_status()
        new = [{"id": 700, "department": "New"}]
        assert client.post("/v1/tables/departments/rows", json=new).status_code == 201
        client.post("/v1/lake/ship").raise_for_status()
        first = min((tmp_path / "lake" / lost).iterdir())
        first.rename(tmp_path / "lost")
        answer = client.get("/v1/changes")
        assert is_problem(answer, 422, "lake-damaged"), answer.text
        (tmp_path / "lost").rename(first)
        assert client.get("/v1/changes").status_code == 200
