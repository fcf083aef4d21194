"""Rejections that a filter means: listed, counted, tried again with one value set, dismissed."""

from collections import Counter

import pytest

from tests.support.answers import all_pages, is_problem

LIST = "/v1/rejections"
REPLAY, DISMISS = f"{LIST}/replay", f"{LIST}/dismiss"
HIRES = {"table": "hired_employees"}
MISSING = {**HIRES, "column": "department_id", "rule": "not_null"}


def listed(client, **wanted):
    return all_pages(client, LIST, "rejections", limit=1000, **wanted)


def broken(rejection):
    return {(each["column"], each["rule"]) for each in rejection["violations"]}


def open_of(client, **wanted):
    return len(listed(client, status="open", **wanted))


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"column": "department_id"}, lambda r: any(c == "department_id" for c, _ in broken(r))),
        (MISSING, lambda r: ("department_id", "not_null") in broken(r)),
        ({"rule": "not_null,type"}, lambda r: {"not_null", "type"} & {k for _, k in broken(r)}),
        ({"column": "name", "rule": "relationships"}, lambda r: False),
        ({"text": "MAR"}, lambda r: "mar" in str(r["payload"]).lower()),
        ({"text": "100%"}, lambda r: False),
    ],
)
def test_a_filter_means_the_rejections_that_fit(reader, wanted, fits):
    everything = listed(reader)
    assert [each for each in everything if fits(each)] == listed(reader, **wanted)


def test_groups_count_what_a_filter_means(reader):
    found = reader.get(f"{LIST}/groups", params={**HIRES, "rule": "not_null"}).json()
    rows = listed(reader, **HIRES, rule="not_null")
    counted = Counter(c for row in rows for c, kind in broken(row) if kind == "not_null")
    assert {each["column"]: each["rejections"] for each in found["groups"]} == counted
    assert found["rejections"] == len(rows)


def test_loads_are_of_a_time(reader):
    loads = reader.get("/v1/loads").json()["loads"]
    newest, oldest = loads[0]["started_at"], loads[-1]["started_at"]
    later = reader.get("/v1/loads", params={"since": newest}).json()["loads"]
    before = reader.get("/v1/loads", params={"until": newest}).json()["loads"]
    assert later == [each for each in loads if each["started_at"] >= newest]
    assert before == [each for each in loads if each["started_at"] < newest]
    assert reader.get("/v1/loads", params={"until": oldest}).json()["loads"] == []


def test_one_value_for_a_group_is_tried_then_done(client):
    rows = open_of(client, **MISSING)
    asked = {**MISSING, "expected": rows}
    change = {"set": {"department_id": 3}}
    before = client.get("/v1/tables/hired_employees").json()["rows"]

    trial = client.post(REPLAY, params={**asked, "dry_run": True}, json=change).json()

    assert (trial["matched"], trial["received"], trial["load_id"]) == (rows, rows, None)
    assert open_of(client, **MISSING) == rows
    assert client.get("/v1/tables/hired_employees").json()["rows"] == before

    done = client.post(REPLAY, params=asked, json=change).json()

    assert done["load_id"]
    assert {name: done[name] for name in ("matched", "accepted", "rejected")} == {
        name: trial[name] for name in ("matched", "accepted", "rejected")
    }
    assert done["accepted"] > 0
    after = client.get("/v1/tables/hired_employees").json()["rows"]
    assert after == before + done["accepted"]
    assert open_of(client, **MISSING) == rows - done["accepted"]


@pytest.mark.parametrize(
    ("params", "body", "status"),
    [
        ({}, {"set": {"department_id": 3}}, 400),  # of which table?
        (HIRES, {"set": {"nope": 3}}, 400),
        (HIRES, {"set": {}}, 400),
        (HIRES, {"sets": {"name": "A"}}, 400),
        ({**HIRES, "dry_run": True}, [{"rejection_id": "x"}], 400),
        ({**HIRES, "expected": 1_000_000}, None, 409),
        ({**HIRES, "expected": -1}, None, 400),
        ({"table": "nope"}, None, 404),
    ],
)
def test_what_cannot_be_meant_is_refused(client_to_keep, params, body, status):
    before = open_of(client_to_keep)
    answer = client_to_keep.post(REPLAY, params=params, json=body)
    assert answer.status_code == status
    assert open_of(client_to_keep) == before


@pytest.fixture(scope="module")
def client_to_keep(built, contract, tmp_path_factory):
    """A client of a service whose rows stay as they are."""
    import shutil

    from tests.support.services import serving_by, settings_in

    own = settings_in(tmp_path_factory.mktemp("kept"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving_by(contract, own) as client:
        yield client


def test_a_group_is_dismissed_with_a_reason_as_many_as_were_expected(client):
    rows = open_of(client, **MISSING)
    others = open_of(client) - rows
    trial = client.post(DISMISS, params={**MISSING, "dry_run": True}).json()
    assert trial == {"matched": rows, "dismissed": 0}
    wrong = client.post(DISMISS, params={**MISSING, "expected": rows + 1})
    assert is_problem(wrong, 409, "conflict")
    assert wrong.json()["matched"] == rows
    assert open_of(client, **MISSING) == rows

    key = {"Idempotency-Key": "once"}
    asked = {**MISSING, "expected": rows, "reason": "a test of ours"}
    done = client.post(DISMISS, params=asked, headers=key)
    again = client.post(DISMISS, params=asked, headers=key)

    assert done.json() == again.json() == {"matched": rows, "dismissed": rows}
    assert (open_of(client, **MISSING), open_of(client)) == (0, others)
    gone = listed(client, **MISSING, status="dismissed")
    assert {each["resolution"] for each in gone} == {"a test of ours"}
    deed = client.get("/v1/trail").json()["entries"][0]
    assert deed["action"] == "rejection.dismiss"
    assert f"{rows} rows: table hired_employees, column department_id" in deed["detail"]


def test_as_many_rules_are_asked_for_as_there_may_be(reader):
    asked = {**HIRES, "rule": ",".join(["not_null"] * 5_000 + [f"r{i}" for i in range(99)])}
    assert listed(reader, **asked) == listed(reader, **HIRES, rule="not_null")
    asked["rule"] += ",one_more"
    assert is_problem(reader.get(LIST, params=asked), 400, "bad-request")
