"""What hostile input once found, one small test each."""

import pytest

from tests.support.answers import is_problem
from tests.support.contract import operations


@pytest.mark.parametrize(
    "path",
    [
        "/v1/loads?status=null",
        "/v1/loads?kind=NULL",
        "/v1/rejections?status=Null",
        "/v1/rejections?since=null",
        "/v1/rejections?until=null",
    ],
)
def test_a_filter_that_is_null_is_not_taken_for_no_filter(door, path):
    assert is_problem(door.client.get(path), 400, "bad-request")


def test_a_text_may_be_the_word_null(door):
    answer = door.client.get("/v1/rejections", params={"rule": "null"})
    assert answer.json()["rejections"] == []


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_that_cannot_be_one_is_refused_in_a_dry_run_too(door, key):
    headers = {"idempotency-key": key}
    answer = door.rows([{"id": 77, "department": "x"}], headers=headers, dry_run="true")
    assert is_problem(answer, 400, "bad-request")
    taken = door.client.post("/v1/tables/jobs/backups").json()
    asked = {"backup_id": taken["backup_id"], "dry_run": True}
    answer = door.client.post("/v1/tables/jobs/restore", json=asked, headers=headers)
    assert is_problem(answer, 400, "bad-request")


def test_each_link_of_the_document_leads_to_a_call_and_names_its_parameters(door):
    document = door.client.get("/schema").json()
    calls = {each["operationId"]: each for _, _, each in operations(document)}
    links = [
        link
        for call in calls.values()
        for answer in call["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 20
    for link in links:
        known = {each["name"] for each in calls[link["operationId"]]["parameters"]}
        assert set(link.get("parameters", {})) <= known
