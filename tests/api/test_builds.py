"""Builds by dbt, asked of the service."""

from datetime import datetime

import pytest

from tests.support.answers import ended, is_problem

pytestmark = pytest.mark.slow


def test_a_build_is_followed_to_its_end(client):
    asked = client.post("/v1/builds")

    assert asked.status_code == 202
    assert asked.json()["href"] == asked.headers["location"]
    build = ended(client, asked.json()["href"])
    assert (build["build_id"], build["status"]) == (asked.json()["build_id"], "done")
    assert datetime.fromisoformat(build["started_at"]) < datetime.fromisoformat(
        build["finished_at"]
    )
    nodes = {node["name"]: node for node in build["nodes"]}
    assert nodes["hired_employees"]["kind"] == "model"
    done = sum(node["kind"] != "operation" for node in build["nodes"])
    assert build["progress"] == {"done": done, "total": done, "node": None}
    assert nodes["hired_employees"]["status"] == "success"


def test_rows_go_in_while_a_build_runs_and_are_there_afterwards(client):
    href = client.post("/v1/builds").json()["href"]
    accepted = 0
    while client.get(href).json()["status"] in ("queued", "running"):
        answer = client.post("/v1/tables/jobs/rows", json=[{"id": 1000 + accepted, "job": "A"}])
        assert answer.status_code == 201, answer.text
        accepted += 1
    assert client.get(href).json()["status"] == "done"
    assert accepted > 0
    assert client.get(f"/v1/tables/jobs/rows/{999 + accepted}").status_code == 200


def test_a_repeated_request_asks_for_no_second_build(client):
    key = {"Idempotency-Key": "once"}
    first, second = (client.post("/v1/builds", headers=key) for _ in range(2))
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert len(client.get("/v1/builds").json()["builds"]) == 1
    ended(client, first.json()["href"])


def test_builds_wait_in_a_queue_that_is_full_some_time(client):
    answers = [client.post("/v1/builds") for _ in range(12)]

    refused = [answer for answer in answers if answer.status_code == 409]
    asked = [answer.json()["build_id"] for answer in answers if answer.status_code == 202]
    assert refused
    assert all(is_problem(answer, 409, "conflict") for answer in refused)
    listed = [build["build_id"] for build in client.get("/v1/builds").json()["builds"]]
    assert listed == asked[::-1]


@pytest.mark.parametrize("build_id", ["x", "%00", "9" * 5000])
def test_an_unknown_build_is_not_found(reader, build_id):
    assert is_problem(reader.get(f"/v1/builds/{build_id}"), 404, "not-found")


def test_a_build_is_cancelled_while_it_waits_and_one_that_has_ended_is_not(client, contract):
    client.event_hooks["response"].append(contract.check)
    first, second = (client.post("/v1/builds").json()["href"] for _ in range(2))
    assert client.delete(second).status_code == 204
    assert ended(client, first)["status"] == "done"
    build = ended(client, second)
    assert (build["status"], build["message"]) == ("failed", "cancelled on request")
    assert build["nodes"] == []
    assert is_problem(client.delete(first), 409, "conflict")
    assert is_problem(client.delete("/v1/builds/none"), 404, "not-found")
    (entry,) = client.get("/v1/trail?action=build.cancel").json()["entries"]
    assert entry["subject"] == build["build_id"]
