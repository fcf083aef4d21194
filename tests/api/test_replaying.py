"""POST /v1/rejections/{id}/replay: a rejected row, corrected or as it was, tried again."""

import json
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from tests.support import LOADS
from tests.support.answers import is_problem
from tests.support.rows import department, hire, in_csv
from tests.support.services import serving

JSON = "application/json"


def rejected(client: httpx.Client, table: str, row: Any, kind: str = JSON) -> str:
    """Sends a row that is kept out; the id of its rejection."""
    content = row if isinstance(row, bytes) else msgspec.json.encode(row)
    answer = client.post(
        f"/v1/tables/{table}/rows", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == 422, answer.text
    (rejection,) = answer.json()["rejections"]
    return str(rejection["rejection_id"])


def replay(client: httpx.Client, rejection_id: str, row: Any = None, **options: Any) -> Any:
    """Tries a row again: `row`, or the same."""
    content = {} if row is None else {"json": row}
    return client.post(f"/v1/rejections/{rejection_id}/replay", **content, **options)


def shown(client: httpx.Client, rejection_id: str) -> Any:
    return client.get(f"/v1/rejections/{rejection_id}").json()


def of_history(client: httpx.Client, rule: str, table: str = "hired_employees") -> Any:
    """An open rejection of a line of the history."""
    found = client.get(f"/v1/rejections?table={table}&rule={rule}&limit=1").json()
    return found["rejections"][0]


def test_a_corrected_row_goes_in_and_its_rejection_is_accepted(client):
    first = rejected(client, "departments", department("x"))

    answer = replay(client, first, department(900))

    assert answer.status_code == 201
    said = answer.json()
    load_id = said.pop("load_id")
    assert said == {
        "table": "departments",
        "received": 1,
        "accepted": 1,
        "changed": 0,
        "rejected": 0,
        "rejections": [],
        "already_present": 0,
    }
    assert client.get("/v1/tables/departments/rows/900").json()["id"] == 900
    now = shown(client, first)
    assert (now["status"], now["resolution"]) == ("accepted", load_id)
    assert now["resolved_at"].endswith("Z")
    assert now["payload"] == department("x")  # what was sent stays untouched
    assert [(r["outcome"], r["payload"], r["load_id"]) for r in now["replays"]] == [
        ("accepted", department(900), load_id)
    ]
    load = client.get(f"/v1/loads/{load_id}").json()
    assert (load["kind"], load["received"], load["accepted"]) == ("replay", 1, 1)


def test_a_row_that_fails_again_stays_one_rejection_and_each_attempt_is_on_record(client):
    first = rejected(client, "departments", department("x"))

    same = replay(client, first)
    other = replay(client, first, department(1, " "))

    for answer, rules in ((same, ["type"]), (other, ["unique", "not_blank"])):
        assert is_problem(answer, 422, "rows-rejected")
        said = answer.json()
        assert (said["received"], said["accepted"], said["rejected"]) == (1, 0, 1)
        assert [each["rejection_id"] for each in said["rejections"]] == [first]
        assert [v["rule"] for v in said["rejections"][0]["violations"]] == rules
        load = client.get(f"/v1/loads/{said['load_id']}").json()
        assert (load["received"], load["rejected"]) == (1, 1)
    listed = client.get("/v1/rejections?table=departments&status=open").json()["rejections"]
    assert [each["rejection_id"] for each in listed] == [first]
    attempts = shown(client, first)["replays"]
    assert [each["outcome"] for each in attempts] == ["rejected", "rejected"]
    assert [each["payload"] for each in attempts] == [None, department(1, " ")]
    assert attempts[0]["violations"] is None  # the same as before
    assert [v["rule"] for v in attempts[1]["violations"]] == ["unique", "not_blank"]


def test_the_same_row_goes_in_once_its_parent_is_there(client):
    first = rejected(client, "hired_employees", hire(9001, department_id=901))
    assert replay(client, first).status_code == 422
    client.post("/v1/tables/departments/rows", json=department(901))

    assert replay(client, first).status_code == 201

    assert client.get("/v1/tables/hired_employees/rows/9001").json()["department_id"] == 901


def test_a_dry_run_says_the_same_and_changes_nothing(client, settings):
    first = rejected(client, "departments", department("x"))

    good = replay(client, first, department(900), params={"dry_run": True})
    bad = replay(client, first, params={"dry_run": True})

    assert (good.status_code, bad.status_code) == (200, 422)
    assert good.json()["load_id"] is bad.json()["load_id"] is None
    assert client.get("/v1/tables/departments/rows/900").status_code == 404
    now = shown(client, first)
    assert (now["status"], now["replays"]) == ("open", [])


def test_an_accepted_rejection_is_not_tried_again(client):
    first = rejected(client, "departments", department("x"))
    replay(client, first, department(900))
    for options in ({}, {"params": {"dry_run": True}}):
        assert is_problem(replay(client, first, department(901), **options), 409, "conflict")
    assert client.get("/v1/tables/departments/rows/901").status_code == 404


def test_a_dismissed_rejection_can_be_tried_again_and_stays_dismissed_if_it_fails(client):
    first = rejected(client, "departments", department("x"))
    client.delete(f"/v1/rejections/{first}", params={"reason": "a test of theirs"})

    assert replay(client, first).status_code == 422
    now = shown(client, first)
    assert (now["status"], now["resolution"]) == ("dismissed", "a test of theirs")

    assert replay(client, first, department(900)).status_code == 201
    assert shown(client, first)["status"] == "accepted"


def test_a_replay_is_done_once_under_an_idempotency_key(client):
    first = rejected(client, "departments", department("x"))
    headers = {"Idempotency-Key": "replay-1"}

    answers = [replay(client, first, department(900), headers=headers) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert len(shown(client, first)["replays"]) == 1
    other = replay(client, first, department(901), headers=headers)
    assert is_problem(other, 422, "idempotency-key-reused")


def test_an_unknown_rejection_is_not_found(client):
    assert is_problem(replay(client, "nope"), 404, "not-found")
    assert is_problem(replay(client, "%00", department(1)), 404, "not-found")


@pytest.mark.parametrize("body", [b"[]", b'[{"id":1},{"id":2}]'])
def test_a_replay_brings_one_row(client, body):
    first = rejected(client, "departments", department("x"))
    answer = client.post(
        f"/v1/rejections/{first}/replay", content=body, headers={"Content-Type": JSON}
    )
    assert is_problem(answer, 422, "wrong-number-of-rows")
    assert shown(client, first)["replays"] == []


def test_a_body_that_cannot_be_read_is_told_and_not_counted(client):
    first = rejected(client, "departments", department("x"))
    path = f"/v1/rejections/{first}/replay"
    malformed = client.post(path, content=b"{", headers={"Content-Type": JSON})
    assert is_problem(malformed, 400, "malformed-body")
    odd = client.post(path, content=b"x", headers={"Content-Type": "text/html"})
    assert is_problem(odd, 415, "unsupported-format")
    assert shown(client, first)["replays"] == []


def test_a_corrected_row_comes_in_any_format_of_an_insert(client):
    bodies = {
        "application/msgpack": msgspec.msgpack.encode(department(901)),
        "text/csv": in_csv([department(902)]),
        "application/x-ndjson": msgspec.json.encode(department(903)),
        JSON: msgspec.json.encode([department(904)]),
    }
    for kind, body in bodies.items():
        first = rejected(client, "departments", department("x"))
        answer = client.post(
            f"/v1/rejections/{first}/replay", content=body, headers={"Content-Type": kind}
        )
        assert answer.status_code == 201, (kind, answer.text)
    assert [
        client.get(f"/v1/tables/departments/rows/{n}").status_code for n in range(901, 905)
    ] == [200] * 4


def test_a_line_of_csv_is_read_as_text_again_and_json_is_not(client):
    """A number in CSV is text on record; text in JSON where a number belongs stays a violation."""
    line = in_csv([hire(9001, department_id=901)])
    by_csv = rejected(client, "hired_employees", line, "text/csv")
    by_json = rejected(client, "hired_employees", {**hire("9002"), "department_id": 901})
    client.post("/v1/tables/departments/rows", json=department(901))

    assert replay(client, by_csv).status_code == 201
    assert client.get("/v1/tables/hired_employees/rows/9001").json()["department_id"] == 901
    answer = replay(client, by_json)
    assert [v["rule"] for v in answer.json()["rejections"][0]["violations"]] == ["type"]


@pytest.mark.parametrize("row", [b"[1, 2]", b"7", b"null", b'"text"', b'{"id":1,"id":2}', b"{}"])
def test_whatever_was_sent_fails_again_for_the_same_reasons(client, row):
    first = rejected(client, "departments", b"[" + row + b"]")
    before = shown(client, first)
    answer = replay(client, first)
    assert answer.status_code == 422, answer.text
    assert answer.json()["rejections"][0]["violations"] == before["violations"]
    assert shown(client, first)["replays"][0]["violations"] is None


@pytest.mark.parametrize("rule", ["not_null", "type", "relationships", "unique", "not_blank"])
def test_a_line_of_history_fails_again_for_the_reasons_of_the_build(client, rule):
    first = of_history(client, rule)
    answer = replay(client, first["rejection_id"])
    assert answer.status_code == 422
    said = answer.json()["rejections"][0]["violations"]
    # The build writes the values of keys as text.
    assert [{**v, "value": str(v["value"])} for v in said] == [
        {**v, "value": str(v["value"])} for v in first["violations"]
    ]
    assert shown(client, first["rejection_id"])["replays"][0]["violations"] is None


def test_a_corrected_line_of_history_goes_in(client):
    first = of_history(client, "not_null")
    answer = replay(client, first["rejection_id"], hire(9001))
    assert answer.status_code == 201
    assert shown(client, first["rejection_id"])["status"] == "accepted"


def lines(settings: Any, *payloads: tuple[str, Any, list[dict[str, Any]]]) -> None:
    """Puts lines of a file on record as a load of the history would."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            f"insert into {LOADS} values ('of-file', 'departments', 'file', 'f.csv', 'done', ?, 0,"
            " ?, 0, now(), now(), null, null)",
            [len(payloads)] * 2,
        )
        for rejection_id, payload, violations in payloads:
            connection.execute(
                "insert into ops.rejections (rejection_id, load_id, table_name, position, payload,"
                " violations, rejected_at, status) values (?, 'of-file', 'departments', 1, ?, ?,"
                " cast(timezone('UTC', now()) as timestamp), 'open')",
                [rejection_id, json.dumps(payload), json.dumps(violations)],
            )


def violation(rule: str, column: str | None = None, value: Any = None) -> dict[str, Any]:
    return {"column": column, "rule": rule, "message": f"it broke {rule}", "value": value}


def test_a_line_that_could_not_be_read_fails_again_with_the_same_violation(settings):
    reason = violation("malformed_line", None, '7,"x')
    lines(settings, ("malformed", '7,"x', [reason]))
    with serving(settings) as client:
        answer = replay(client, "malformed")
        assert answer.status_code == 422
        assert answer.json()["rejections"][0]["violations"] == [reason]
        assert replay(client, "malformed", department(900)).status_code == 201


def test_surplus_fields_of_a_line_stay_a_violation(settings):
    payload = {"id": "900", "department": "A", "_rest": "b,c"}
    lines(settings, ("surplus", payload, [violation("unknown_field", None, "b,c")]))
    with serving(settings) as client:
        (row,) = replay(client, "surplus").json()["rejections"]
        assert [(v["rule"], v["value"]) for v in row["violations"]] == [("unknown_field", "b,c")]


def test_a_line_that_is_there_by_now_with_the_same_content_is_done_with(settings):
    payload = {"id": "900", "department": "Fleet Operations"}
    lines(
        settings,
        ("same", payload, [violation("not_null")]),
        ("other", {**payload, "department": "Else"}, [violation("not_null")]),
        ("corrected", payload, [violation("not_null")]),
    )
    with serving(settings) as client:
        client.post("/v1/tables/departments/rows", json=department(900))

        answer = replay(client, "same")

        assert answer.status_code == 200
        said = answer.json()
        assert (said["accepted"], said["rejected"], said["already_present"]) == (0, 0, 1)
        assert shown(client, "same")["status"] == "accepted"
        load = client.get(f"/v1/loads/{said['load_id']}").json()
        assert (load["received"], load["already_present"]) == (1, 1)
        # Other content, or a corrected row, is judged as an insert's.
        for answer in (replay(client, "other"), replay(client, "corrected", department(900))):
            assert answer.status_code == 422
            assert [v["rule"] for v in answer.json()["rejections"][0]["violations"]] == ["unique"]
        assert client.get("/v1/audit").json()["ok"]


def test_who_did_what_is_in_the_trail(client, settings):
    first, second = (rejected(client, "departments", department("x")) for _ in range(2))
    load_id = replay(client, first).json()["load_id"]
    client.delete(f"/v1/rejections/{second}", params={"reason": "no such place"})
    with duckdb.connect(str(settings.warehouse)) as connection:
        deeds = connection.execute(
            "select action, subject, detail from ops.trail order by happened_at"
        ).fetchall()
    assert deeds == [
        ("rejection.replay", first, f"rejected in load {load_id}"),
        ("rejection.dismiss", second, "no such place"),
    ]
