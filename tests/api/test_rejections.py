"""The rows that were kept out: listed, shown, dismissed."""

import duckdb
import httpx
import pytest

from tests.support.answers import all_pages, is_problem

JSON = {"Content-Type": "application/json"}


def rejected(client: httpx.Client, table: str, body: bytes) -> list[str]:
    """Sends rows; the ids of the rejections."""
    answer = client.post(f"/v1/tables/{table}/rows", content=body, headers=JSON)
    return [each["rejection_id"] for each in answer.json()["rejections"]]


def test_a_rejection_shows_what_was_sent_untouched_and_every_reason(client):
    row = b'{ "job":"\\u0041  \xe2\x98\x83" ,"id":1.50,\n"z":[1e2,{"a":null}]}'
    (rejection_id,) = rejected(client, "jobs", b"[" + row + b"]")

    answer = client.get(f"/v1/rejections/{rejection_id}")

    assert b'"payload":' + row + b"," in answer.content
    assert [(v["column"], v["rule"], v["value"]) for v in answer.json()["violations"]] == [
        ("id", "type", 1.5),
        ("z", "unknown_field", [100.0, {"a": None}]),
    ]
    assert answer.json()["table"] == "jobs"
    assert answer.json()["position"] == 0
    assert answer.json()["status"] == "open"
    assert answer.json()["rejected_at"].endswith("Z")


def test_a_rejection_leads_to_the_load_that_it_came_with(client):
    (rejection_id,) = rejected(client, "jobs", b'[{"id":900,"job":"A"},{"id":"x","job":"B"}]')
    rejection = client.get(f"/v1/rejections/{rejection_id}").json()
    assert rejection["position"] == 1
    assert client.get(f"/v1/loads/{rejection['load_id']}").json()["rejected"] == 1


def test_the_rejections_of_the_history_are_listed_with_their_lines(reader, truth):
    found = all_pages(reader, "/v1/rejections", "rejections", limit=7)
    expected = truth("select rejection_id, table_name, position, payload from ops.rejections")
    assert len(found) == len(expected) > 70
    assert {(r["rejection_id"], r["table"], r["position"]) for r in found} == {
        row[:3] for row in expected
    }


def test_the_newest_rejection_comes_first_and_each_comes_once(client):
    made = [*rejected(client, "jobs", b"[{},{},{}]")[::-1]]
    made = [*rejected(client, "departments", b"[{},{}]")[::-1], *made]
    for limit in (1, 2, 1000):
        found = all_pages(client, "/v1/rejections", "rejections", limit=limit)
        ids = [each["rejection_id"] for each in found]
        assert ids[:5] == made
        assert len(ids) == len(set(ids))


def test_rejections_can_be_asked_for_by_table_load_rule_and_status(client):
    first, second = rejected(client, "jobs", b'[{"id":900},{"id":"x","job":" "}]')
    load_id = client.get(f"/v1/rejections/{first}").json()["load_id"]

    def found(**parameters):
        answer = client.get("/v1/rejections", params=parameters)
        return [each["rejection_id"] for each in answer.json()["rejections"]]

    assert found(table="jobs") == found(load_id=load_id) == [second, first]
    assert found(load_id=load_id, rule="not_null") == [first]
    assert found(load_id=load_id, rule="not_blank") == [second]  # any of its reasons
    assert found(load_id=load_id, rule="type") == [second]
    assert found(load_id=load_id, rule="unique") == found(rule="x\x00'\"") == []
    assert found(table="departments") == found(load_id="x") == []
    assert found(status="open", table="jobs") == [second, first]
    assert found(status="dismissed") == []


def test_rejections_can_be_asked_for_by_time(client):
    first, second = (rejected(client, "jobs", b"[{}]")[0] for _ in range(2))
    moment = client.get(f"/v1/rejections/{second}").json()["rejected_at"]

    def found(**parameters):
        answer = client.get("/v1/rejections", params={"table": "jobs", **parameters})
        assert answer.status_code == 200, answer.text
        return [each["rejection_id"] for each in answer.json()["rejections"]]

    assert found(since=moment) == [second]
    assert found(until=moment) == [first]
    assert found(since=moment, until=moment) == []
    assert found(since=moment.removesuffix("Z")) == [second]  # what has no offset is in UTC
    east = moment.replace("Z", "+00:00")
    assert found(since=east) == [second]
    assert found(since="2020-01-01T00:00:00Z", limit=1) == [second]
    assert found(until="2020-01-01T02:00:00+02:00") == []


def test_rejections_are_counted_by_table_column_rule_and_status(client, reader, truth):
    first, *_ = rejected(client, "jobs", b'[{"id":900},{"id":"x","job":" ","z":1},{"id":901}]')
    client.delete(f"/v1/rejections/{first}")
    said = client.get("/v1/rejections/summary?table=jobs").json()
    counts = [tuple(each.values()) for each in said.pop("counts")]
    assert said == {"open": 2, "accepted": 0, "dismissed": 1}
    assert sorted(counts) == [
        ("jobs", "id", "type", "open", 1),
        ("jobs", "job", "not_blank", "open", 1),
        ("jobs", "job", "not_null", "dismissed", 1),
        ("jobs", "job", "not_null", "open", 1),
        ("jobs", "z", "unknown_field", "open", 1),
    ]
    said = reader.get("/v1/rejections/summary").json()
    ((total,),) = truth("select count(*) from ops.rejections")
    ((violations,),) = truth("select sum(json_array_length(violations)) from ops.rejections")
    assert said["open"] == total
    assert sum(each["rejections"] for each in said["counts"]) == violations
    numbers = [each["rejections"] for each in said["counts"]]
    assert numbers == sorted(numbers, reverse=True)
    assert is_problem(client.get("/v1/rejections/summary?table=x"), 404, "unknown-table")


def test_a_dismissed_rejection_stays_listed_with_its_status(client):
    (rejection_id,) = rejected(client, "jobs", b"[{}]")

    answer = client.delete(f"/v1/rejections/{rejection_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"/v1/rejections/{rejection_id}").json()["status"] == "dismissed"
    found = client.get("/v1/rejections?status=dismissed").json()["rejections"]
    assert [each["rejection_id"] for each in found] == [rejection_id]


def test_a_dismissal_says_who_when_and_why(client):
    (rejection_id,) = rejected(client, "jobs", b"[{}]")
    before = client.get(f"/v1/rejections/{rejection_id}").json()
    assert (before["resolved_at"], before["resolution"]) == (None, None)

    client.delete(f"/v1/rejections/{rejection_id}", params={"reason": "a test of theirs"})

    after = client.get(f"/v1/rejections/{rejection_id}").json()
    assert (after["resolved_by"], after["resolution"]) == (None, "a test of theirs")
    assert after["resolved_at"] >= after["rejected_at"]
    client.delete(f"/v1/rejections/{rejection_id}", params={"reason": "once more"})
    assert client.get(f"/v1/rejections/{rejection_id}").json() == after


def test_dismissing_twice_is_as_good_as_once(client):
    (rejection_id,) = rejected(client, "jobs", b"[{}]")
    answers = [client.delete(f"/v1/rejections/{rejection_id}").status_code for _ in range(2)]
    assert answers == [204, 204]


def test_a_rejection_whose_row_went_in_later_cannot_be_dismissed(settings, serve):
    with duckdb.connect(str(settings.warehouse)) as connection:
        ((rejection_id,),) = connection.execute(
            "update ops.rejections set status = 'accepted' where rejection_id ="
            " (select min(rejection_id) from ops.rejections) returning rejection_id"
        ).fetchall()
    with serve(settings) as client:
        answer = client.delete(f"/v1/rejections/{rejection_id}")
        assert is_problem(answer, 409, "conflict")
        assert client.get(f"/v1/rejections/{rejection_id}").json()["status"] == "accepted"


def test_an_unknown_rejection_is_not_found(client):
    for rejection_id in ("x", "%00", "%FF", "'", "9" * 5000):
        assert is_problem(client.get(f"/v1/rejections/{rejection_id}"), 404, "not-found")
        assert is_problem(client.delete(f"/v1/rejections/{rejection_id}"), 404, "not-found")


@pytest.mark.parametrize(
    "query",
    [
        "status=x",
        "limit=0",
        "after=x",
        "after=WzFd",
        "rul=unique",
        "since=x",
        "until=2021-13-01T00:00:00Z",
    ],
)
def test_what_is_no_filter_of_rejections_is_a_bad_request(reader, query):
    assert is_problem(reader.get(f"/v1/rejections?{query}"), 400, "bad-request")


def test_rejections_of_an_unknown_table_are_not_found(reader):
    assert is_problem(reader.get("/v1/rejections?table=nope"), 404, "unknown-table")


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("path", ["/v1/rejections", "/v1/trail"])
def test_the_edges_of_time_are_moments_too(reader, path, name):
    if path == "/v1/trail" and name == "until":
        return
    first, last = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"
    found = [
        reader.get(path, params={name: moment}).json()["rejections" if "rej" in path else "entries"]
        for moment in (first, "0001-01-01T00:00:00Z", last, "9999-12-31T23:59:59.999999Z")
    ]
    assert found[0] == found[1]
    assert found[2] == found[3]
