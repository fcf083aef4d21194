"""Rows that are sent again: `Prefer: resolution=…`, in every format, for one table or several."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.support.answers import is_problem
from tests.support.door import Door, found
from tests.support.rows import FORMATS, JSON, Row, department, hire, job
from tests.support.uploads import OUTCOMES, followed, send

IGNORE, MERGE = "ignore-duplicates", "merge-duplicates"
BOOK = (
    "select received, accepted, changed, rejected, already_present, on_conflict from ops.loads"
    " where load_id = ? order by table_name"
)
UNIQUE = [("id", "unique")]


def preferring(*said: str) -> dict[str, str]:
    return {"prefer": ", ".join(said)}


def told(answer: httpx.Response) -> tuple[int, int, int, int]:
    """How many rows were accepted, changed, rejected and already present, by the answer."""
    said = answer.json()
    counts = tuple(said[n] for n in ("accepted", "changed", "rejected", "already_present"))
    assert said["received"] == sum(counts)
    return counts


def names(door: Door, numbers: Sequence[int]) -> dict[int, str]:
    query = "select id, department from core.departments where id in (select unnest(?))"
    return dict(door.ask(query, list(numbers)))


@pytest.mark.parametrize("handling", ["lenient", "strict"])
@pytest.mark.parametrize("resolution", [IGNORE, MERGE])
@pytest.mark.parametrize("kind", FORMATS)
def test_new_rows_and_rows_that_are_there_in_every_format(
    door: Door, kind: str, resolution: str, handling: str
) -> None:
    same, other, new = door.fresh(3)
    assert door.rows([department(same), department(other)]).status_code == 201
    sent = [department(same), department(other, "Else"), department(new)]
    headers = preferring(f"handling={handling}", f"resolution={resolution}")
    dry = door.rows(sent, kind=kind, headers=headers, dry_run="true")
    assert names(door, [same, other, new]) == dict.fromkeys((same, other), "Fleet Operations")
    answer = door.rows(sent, kind=kind, headers=headers)
    applied = f"handling={handling}, resolution={resolution}"
    assert answer.headers["preference-applied"] == dry.headers["preference-applied"] == applied
    kept = dict.fromkeys((same, other), "Fleet Operations")
    if resolution == MERGE:
        assert (answer.status_code, dry.status_code) == (201, 200)
        assert told(answer) == told(dry) == (1, 1, 0, 1)
        kept |= {other: "Else", new: "Fleet Operations"}
    elif handling == "strict":
        assert (answer.status_code, dry.status_code) == (422, 422)
        assert told(answer) == told(dry) == (0, 0, 3, 0)
        assert found(answer) == found(dry) == {1: UNIQUE}
    else:
        assert (answer.status_code, dry.status_code) == (207, 207)
        assert told(answer) == told(dry) == (1, 0, 1, 1)
        kept |= {new: "Fleet Operations"}
    assert names(door, [same, other, new]) == kept
    [book] = door.ask(BOOK, answer.json()["load_id"])
    assert book == (3, *told(answer), "merge" if resolution == MERGE else "ignore")


@pytest.mark.parametrize(
    ("resolution", "name", "status", "counts"),
    [
        ("reject-duplicates", "Fleet Operations", 422, (0, 0, 1, 0)),
        (IGNORE, "Fleet Operations", 200, (0, 0, 0, 1)),
        (IGNORE, "Else", 422, (0, 0, 1, 0)),
        (MERGE, "Fleet Operations", 200, (0, 0, 0, 1)),
        (MERGE, "Else", 200, (0, 1, 0, 0)),
        (MERGE, " ", 422, (0, 0, 1, 0)),
    ],
)
def test_a_request_that_brings_no_new_row_is_answered_200(
    door: Door, resolution: str, name: str, status: int, counts: tuple[int, ...]
) -> None:
    [number] = door.fresh()
    door.rows(department(number))
    answer = door.rows(department(number, name), headers=preferring(f"resolution={resolution}"))
    assert (answer.status_code, told(answer)) == (status, counts)
    assert found(answer) == ({0: [("department", "not_blank")] if name == " " else UNIQUE}
                             if status == 422 else {})  # fmt: skip


def test_without_a_preference_a_row_that_is_there_is_a_violation(door: Door) -> None:
    [number] = door.fresh()
    door.rows(department(number))
    answer = door.rows(department(number))
    assert (answer.status_code, found(answer)) == (422, {0: UNIQUE})
    assert answer.headers["preference-applied"] == "handling=lenient"
    [book] = door.ask(BOOK, answer.json()["load_id"])
    assert book == (1, 0, 0, 1, 0, None)


@pytest.mark.parametrize("handling", ["lenient", "strict"])
def test_several_tables_at_once(door: Door, handling: str) -> None:
    number, new, bad = door.fresh(3)
    before: dict[str, Any] = {
        "departments": [department(number)],
        "jobs": [job(number)],
        "hired_employees": [hire(number, number, number)],
    }
    assert door.tables(before).status_code == 201
    after: dict[str, list[Row]] = {
        "departments": [department(number, "Else"), department(new)],
        "jobs": [job(number)],
        "hired_employees": [
            hire(number, new, number),
            hire(new, new, number),
            hire(bad, bad, number),
        ],
    }
    headers = preferring(f"handling={handling}", f"resolution={MERGE}")
    answer = door.tables(after, headers)
    counts = {name: tuple(each.values())[:5] for name, each in answer.json()["tables"].items()}
    moved = door.ask("select department_id from core.hired_employees where id = ?", number)
    if handling == "strict":
        assert (answer.status_code, moved) == (422, [(number,)])
        assert counts == {
            "departments": (2, 0, 0, 2, 0),
            "jobs": (1, 0, 0, 1, 0),
            "hired_employees": (3, 0, 0, 3, 0),
        }
        return
    assert (answer.status_code, moved) == (207, [(new,)])
    assert counts == {
        "departments": (2, 1, 1, 0, 0),
        "jobs": (1, 0, 0, 0, 1),
        "hired_employees": (3, 1, 1, 1, 0),
    }
    assert [book[:5] for book in door.ask(BOOK, answer.json()["load_id"])] == list(
        dict(sorted(counts.items())).values()
    )


def test_each_change_keeps_the_row_as_it_was_and_as_it_became(door: Door) -> None:
    [number] = door.fresh()
    door.rows(department(number, "a"))
    rows = [department(number, name) for name in "bcc"]
    answer = door.rows(rows, headers=preferring(f"resolution={MERGE}"))
    assert told(answer) == (0, 2, 0, 1)
    kept = door.ask(
        "select before, after, operation from ops.changes where load_id = ? order by number",
        answer.json()["load_id"],
    )
    a, b, c = (f'{{"id":{number},"department":"{name}"}}' for name in "abc")
    assert kept == [(a, b, "update"), (b, c, "update")]


def test_another_preference_under_the_same_idempotency_key_is_another_request(door: Door) -> None:
    [number] = door.fresh()
    key = {"idempotency-key": f"again-{number}"}
    first = door.rows(department(number), headers={**key, **preferring(f"resolution={MERGE}")})
    again = door.rows(department(number), headers={**key, **preferring(f"resolution={MERGE}")})
    other = door.rows(department(number), headers={**key, **preferring(f"resolution={IGNORE}")})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert is_problem(other, 422, "idempotency-key-reused"), other.text


@pytest.mark.parametrize("path", ["rows", "files"])
def test_a_preference_that_is_not_known_is_refused(door: Door, path: str) -> None:
    headers = {"content-type": "text/csv", **preferring("resolution=whatever")}
    answer = door.client.post(
        f"/v1/tables/departments/{path}", content=b"id,department\n1,x\n", headers=headers
    )
    assert is_problem(answer, 400, "bad-request")
    assert "merge-duplicates" in answer.json()["detail"]


def test_a_replay_keeps_the_preference_of_its_load(door: Door) -> None:
    number, parent = door.fresh(2)
    door.rows(hire(number), "hired_employees")
    later = hire(number, parent)
    answer = door.rows(later, "hired_employees", headers=preferring(f"resolution={MERGE}"))
    assert found(answer) == {0: [("department_id", "relationships")]}
    door.rows(department(parent))
    rejection = answer.json()["rejections"][0]["rejection_id"]
    replayed = door.client.post(f"/v1/rejections/{rejection}/replay")
    assert (replayed.status_code, told(replayed)) == (200, (0, 1, 0, 0))
    assert door.ask("select department_id from core.hired_employees where id = ?", number) == [
        (parent,)
    ]
    shown = door.client.get(f"/v1/rejections/{rejection}").json()
    assert shown["status"] == "accepted"


def test_many_replays_each_keep_the_preference_of_their_load(door: Door) -> None:
    one, two, parent = door.fresh(3)
    tries = []
    for number in (one, two):
        door.rows(hire(number), "hired_employees")
    for number, how in ((one, MERGE), (two, IGNORE)):
        headers = preferring(f"resolution={how}")
        answer = door.rows(hire(number, parent), "hired_employees", headers=headers)
        tries.append({"rejection_id": answer.json()["rejections"][0]["rejection_id"]})
    door.rows(department(parent))
    replayed = door.client.post("/v1/rejections/replay", json=tries).json()
    assert (replayed["changed"], replayed["rejected"]) == (1, 1)
    assert replayed["tables"]["hired_employees"]["changed"] == 1


def test_metrics_and_the_audit_know_rows_that_changed_or_were_there(door: Door) -> None:
    [number] = door.fresh()
    headers = preferring(f"resolution={MERGE}")
    for name in ("a", "a", "b"):
        door.rows(department(number, name), kind=JSON, headers=headers)
    metrics = door.client.get("/metrics").text
    for outcome in ("accepted", "changed", "rejected", "already_present"):
        series = f'gatehouse_rows_total{{outcome="{outcome}",table="departments"}}'
        assert series in metrics
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]


def test_files_do_as_they_are_told(door: Door) -> None:
    """By default a line that is there is ignored; one of other content changes nothing."""
    same, other, new = door.fresh(3)
    door.rows([department(same), department(other)])
    content = f"id,department\n{same},Fleet Operations\n{other},Else\n{new},New\n{new},Newer\n"
    # accepted, changed, rejected, already present
    told_of = {
        "reject-duplicates": (1, 0, 3, 0),
        "": (1, 0, 2, 1),
        MERGE: (1, 2, 0, 1),
    }
    for word, counts in told_of.items():
        prefer = f"resolution={word}" if word else ""
        dry = followed(door.client, send(door.client, "departments", content, prefer, dry_run=True))
        assert tuple(dry[name] for name in OUTCOMES) == counts, word
    taken = send(door.client, "departments", content, f"resolution={MERGE}")
    assert taken.headers["preference-applied"] == f"resolution={MERGE}"
    load = followed(door.client, taken)
    assert tuple(load[name] for name in OUTCOMES) == told_of[MERGE]
    assert (load["status"], load["detail"], load["on_conflict"]) == ("done", None, "merge")
    assert names(door, [same, other, new]) == {
        same: "Fleet Operations", other: "Else", new: "Newer",
    }  # fmt: skip
    kept = door.ask("select count(*) from ops.changes where load_id = ?", load["load_id"])
    assert kept == [(2,)]
    # The keys that the writer holds are those that are there now.
    assert found(door.rows(department(new))) == {0: UNIQUE}


@pytest.mark.parametrize("resolution", [IGNORE, MERGE])
def test_a_feed_that_sends_the_last_two_hours_again_each_hour_for_two_days(
    door: Door, resolution: str
) -> None:
    """Nothing is rejected, each row is there once, and the books add up."""
    hours = [[department(number) for number in door.fresh(3)] for _ in range(2 * 24)]
    sums = [0, 0, 0, 0]
    for now in range(len(hours)):
        sent = [row for hour in hours[max(0, now - 2) : now + 1] for row in hour]
        answer = door.rows(sent, headers=preferring(f"resolution={resolution}"))
        assert answer.status_code == 201
        sums = [one + more for one, more in zip(sums, told(answer), strict=True)]
    rows = [row["id"] for hour in hours for row in hour]
    assert sums == [len(rows), 0, 0, 2 * len(rows) - 3 * 3]
    assert door.kept(rows) == sorted(rows)
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]
