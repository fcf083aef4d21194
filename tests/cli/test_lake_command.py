"""`gatehouse lake` without a service: whose the lake is and what is wrong with it, by exit code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.lake.lake_owner import OWNER

Alone = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "a lake"


def test_a_lake_is_shipped_to_shown_and_checked(alone: Alone, place: Path) -> None:
    lake = {"GATEHOUSE_LAKE": str(place)}
    before = alone("lake", "status", **lake)
    assert (before.code, "shipped: 0" in before.lines) == (0, True), before.out
    assert not place.exists()
    assert alone("lake", "ship", **lake).code == 0
    after = alone("lake", "status", "--json", **lake)
    assert (after.code, after.json["shipped"], after.json["failure"]) == (0, 1, None)
    checked = alone("lake", "verify", **lake)
    assert checked.code == 0, checked.out


def test_a_lake_of_another_gate_is_told_until_it_is_adopted(alone: Alone, place: Path) -> None:
    lake = {"GATEHOUSE_LAKE": str(place)}
    alone("lake", "ship", **lake)
    mark = place / OWNER
    mark.write_bytes(
        msgspec.json.encode({**msgspec.json.decode(mark.read_bytes()), "gate": "another"})
    )
    status, verify = (alone("lake", command, **lake) for command in ("status", "verify"))
    assert status.code == 1
    assert "problem: not-our-lake" in status.lines
    assert verify.code == 1
    assert "is the gate's with the warehouse" in verify.err
    adopted = alone("lake", "adopt", **lake)
    assert (adopted.code, "it was that of" in adopted.out) == (0, True), adopted.err
    assert alone("lake", "verify", **lake).code == 0
    assert alone("trail", "--json", "--action", "lake.adopt").code == 0


def test_a_lake_that_is_away_is_told_by_another_code(alone: Alone, place: Path) -> None:
    lake = {"GATEHOUSE_LAKE": str(place)}
    alone("lake", "ship", **lake)
    place.rename(place.with_name("away"))
    for command in ("status", "verify", "ship"):
        answer = alone("lake", command, **lake)
        assert answer.code == 3, command
        assert "owner.json is gone" in answer.out + answer.err
    assert not place.exists()


def test_a_lake_that_cannot_be_a_folder_is_refused(alone: Alone, place: Path) -> None:
    place.write_text("a file")
    for wrong in (place, place / "within"):
        answer = alone("lake", "status", GATEHOUSE_LAKE=str(wrong))
        assert answer.code == 3
        assert f"{wrong} cannot be a folder: {place} is a file" in answer.err
    assert alone("lake", "adopt").code == 2
