"""Rules of severity `warn`: what breaks one goes in by every door, and is on record."""

import shutil
from collections.abc import Iterator
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from tests.support.door import Door
from tests.support.services import serving, settings_in

PATH = "/v1/tables/departments/rows"
LONG = "Zanzibar" * 40  # letters: more than the 255 that are warned of


@pytest.fixture(scope="module")
def door(built, tmp_path_factory) -> Iterator[Door]:
    """A service of whose departments long names are warned of, and not kept out."""
    own = settings_in(tmp_path_factory.mktemp("warned"))
    shutil.copy(built.warehouse, own.warehouse)
    with duckdb.connect(str(own.warehouse)) as connection:
        ((content,),) = connection.execute("select content from ops.dictionary").fetchall()
        said = msgspec.json.decode(content)
        [rule] = [each for each in said["nodes"].values() if is_length_of_departments(each)]
        rule["config"]["severity"] = "warn"
        connection.execute(
            "update ops.dictionary set content = ?", [msgspec.json.encode(said).decode()]
        )
    with serving(own) as client:
        yield Door(client, own)


def is_length_of_departments(node: dict[str, Any]) -> bool:
    kind = (node.get("test_metadata") or {}).get("name")
    return kind == "max_length" and str(node["attached_node"]).endswith(".departments")


def recorded(door: Door, answer: httpx.Response) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Key, position, and column and rule of what is on record of a load."""
    found = door.client.get(f"/v1/warnings?load_id={answer.json()['load_id']}").json()["warnings"]
    return [
        (each["row_key"], each["position"], [(v["column"], v["rule"]) for v in each["warnings"]])
        for each in found
    ]


def told(answer: httpx.Response) -> list[tuple[int, list[tuple[str, str]]]]:
    """The same, as an answer has it."""
    return [
        (each["row"], [(v["column"], v["rule"]) for v in each["warnings"]])
        for each in answer.json().get("warnings", ())
    ]


WARNED = [("department", "max_length")]
WAYS = {
    "inserted": ("POST", False, LONG, {}, 201, True),
    "made": ("PUT", False, LONG, {}, 201, True),
    "put": ("PUT", True, LONG, {}, 200, True),
    "patched": ("PATCH", True, LONG, {}, 200, True),
    "merged": ("POST", True, LONG, {"Prefer": "resolution=merge-duplicates"}, 200, True),
    "put, and fits": ("PUT", True, "Short", {}, 200, False),
    "inserted, and is there": ("POST", True, LONG, {}, 422, False),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_breaks_one_goes_in_and_that_is_told_and_on_record(door: Door, way: str) -> None:
    method, is_there, name, headers, status, warned = WAYS[way]
    (key,) = door.fresh()
    row = {"id": key, "department": name}
    if is_there:
        assert door.rows([{**row, "department": "Before"}]).status_code == 201
    path, body = (PATH, [row]) if method == "POST" else (f"{PATH}/{key}", row)
    trial = door.client.request(method, f"{path}?dry_run=true", json=body, headers=headers)
    answer = door.client.request(method, path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert told(answer) == told(trial) == ([(0, WARNED)] if warned else [])
    assert recorded(door, answer) == ([(str(key), 0, WARNED)] if warned else [])
    count = door.ask("select count(*) from ops.warnings where row_key = ?", str(key))
    assert count == [(int(warned),)]  # the trial has left none


def test_what_stays_as_it_is_is_not_warned_of_again(door: Door) -> None:
    (key,) = door.fresh()
    row = {"id": key, "department": LONG}
    assert door.client.put(f"{PATH}/{key}", json=row).status_code == 201
    again = door.client.put(f"{PATH}/{key}", json=row)
    assert (again.json()["already_present"], told(again), recorded(door, again)) == (1, [], [])


def test_a_row_that_is_erased_leaves_no_warning_that_says_anything_of_it(door: Door) -> None:
    key, other = door.fresh(2)
    rows = [{"id": each, "department": f"{LONG} {each}"} for each in (key, other)]
    sent = door.rows(rows)
    assert len(recorded(door, sent)) == 2
    erased = door.client.post(f"{PATH}/{key}/erase", json={"reason": "asked for it"})
    assert erased.json()["rows"][0]["traces"]["warnings"] == 1
    kept = recorded(door, sent)
    assert sorted(kept) == [(str(other), 1, WARNED), ("erased", 0, [])]
    assert f"{LONG} {key}" not in str(door.ask("from ops.warnings"))


def test_pages_have_how_many_break_which_rule_and_the_rows(door: Door) -> None:
    (key,) = door.fresh()
    load = door.rows([{"id": key, "department": LONG}]).json()["load_id"]
    door.client.put(f"{PATH}/{key}", json={"id": key, "department": LONG + "!"})
    ((count,),) = door.ask("select sum(json_array_length(warnings))::int from ops.warnings")
    groups, listed = door.client.get("/warnings").text.split("<table", 1)
    assert "departments.department</span> max_length" in groups
    assert f'<span class="num">{count}</span>' in groups
    assert listed.count(f'href="/tables/departments/rows/{key}"') == 2
    assert listed.count("department is longer than 255 characters") == count
    of_load = door.client.get(f"/warnings?load={load}&table=departments&rule=max_length").text
    assert of_load.count("department is longer than") == 1
    assert "No row was warned of" in door.client.get("/warnings?table=jobs").text
    assert f"/warnings?load={load}" in door.client.get(f"/loads/{load}").text
    past = door.client.get(f"/tables/departments/rows/{key}/history").text
    assert past.count("Warned of</a>") == 1
