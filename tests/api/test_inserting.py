"""POST of rows, over a real socket: what goes in, what is kept out, and what is said of it."""

import json
from itertools import permutations

import msgspec
import pytest

from tests.support.answers import is_problem
from tests.support.door import Door, counts, found
from tests.support.rows import (
    AVRO,
    BAD_HIRE,
    CSV,
    ENCODINGS,
    FORMATS,
    JSON,
    MSGPACK,
    NDJSON,
    TABLES,
    bad_hire,
    department,
    hire,
    job,
)

REJECTED = "rows-rejected"


# Formats


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", FORMATS)
def test_rows_come_in_every_format_and_encoding(door: Door, kind, encoding):
    one, other, taken = *door.fresh(2), 1
    rows = [hire(one), {**hire(taken), "name": ""}, hire(other, name='a "quoted",\nname 🎉')]
    answer = door.rows(rows, "hired_employees", kind, encoding)
    assert answer.status_code == 207
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["preference-applied"] == "handling=lenient"
    assert counts(answer) == (3, 2, 1)
    name = ("name", "not_null" if kind == CSV else "not_blank")  # nothing between commas is missing
    assert found(answer) == {1: [("id", "unique"), name]}
    kept = door.ask("select * from core.hired_employees where id in (?, ?) order by id", one, other)
    assert [(*row[:2], f"{row[2]:%Y-%m-%dT%H:%M:%SZ}", *row[3:]) for row in kept] == [
        tuple(rows[0].values()),
        tuple(rows[2].values()),
    ]
    assert door.load(answer.json()["load_id"]) == [("hired_employees", "done", 3, 2, 1)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (JSON, b' \n{"id": %d, "department": "x"}\t'),
        (NDJSON, b'\n\n{"id": %d, "department": "x"}\r\n\n'),
        (CSV, b'\xef\xbb\xbfdepartment,id\r\n\r\n"x",%d\r\n\r\n'),
        (None, b'{"id": %d, "department": "x"}'),
        ("Application/JSON ; charset=UTF-8", b'{"id": %d, "department": "x"}'),
        ('text/csv; header=present; charset="utf-8"', b"id,department\n%d,x"),
    ],
)
def test_one_row_may_be_written_in_many_ways(door: Door, kind, content):
    [number] = door.fresh()
    answer = door.rows(content % number, kind=kind)
    assert (answer.status_code, counts(answer)) == (201, (1, 1, 0))
    assert door.ask("select department from core.departments where id = ?", number) == [("x",)]


def test_a_single_map_of_messagepack_counts_as_one_row(door: Door):
    [number] = door.fresh()
    answer = door.rows(msgspec.msgpack.encode(department(number)), kind=MSGPACK)
    assert (answer.status_code, counts(answer)) == (201, (1, 1, 0))


def test_fields_may_come_in_any_order_and_ids_as_whole_floats(door: Door):
    [number] = door.fresh()
    answer = door.rows(b'[{"department": "x", "id": %d.0}]' % number)
    assert (answer.status_code, door.kept([number])) == (201, [number])


# Counts


@pytest.mark.parametrize("kind", FORMATS)
def test_a_thousand_rows_go_in_at_once(door: Door, kind):
    numbers = door.fresh(1000)
    answer = door.rows([hire(number) for number in numbers], "hired_employees", kind)
    assert answer.status_code == 201
    assert counts(answer) == (1000, 1000, 0)
    assert found(answer) == {}
    assert door.kept(numbers, "hired_employees") == numbers


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("number", [0, 1001])
def test_none_or_more_than_a_thousand_rows_are_refused_and_that_is_on_record(
    door: Door, kind, number
):
    numbers = door.fresh(number)
    body = FORMATS[kind]([department(n) for n in numbers]) if numbers else EMPTY[kind]
    answer = door.rows(body, kind=kind)
    assert is_problem(answer, 422, "wrong-number-of-rows")
    assert counts(answer) == (number, 0, number)
    assert door.kept(numbers) == []
    assert door.load(answer.json()["load_id"]) == [("departments", "refused", number, 0, number)]


EMPTY = {
    JSON: b"[]",
    NDJSON: b"\n",
    CSV: b"id,department\n",
    MSGPACK: b"\x90",
    AVRO: FORMATS[AVRO]([]),
}


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"departments": []},
        {"departments": [department(n) for n in range(900)], "jobs": [{}] * 101},
    ],
    ids=["no table", "no row", "1001 rows"],
)
def test_the_number_of_rows_counts_over_all_tables(door: Door, rows):
    answer = door.tables(rows)
    number = sum(map(len, rows.values()))
    assert is_problem(answer, 422, "wrong-number-of-rows")
    assert counts(answer) == (number, 0, number)
    assert door.load(answer.json()["load_id"]) == [("", "refused", number, 0, number)]


@pytest.mark.parametrize("kind", [JSON, NDJSON, MSGPACK])
def test_of_a_thousand_bad_rows_every_violation_of_each_is_named_and_kept(door: Door, kind):
    rows = [bad_hire(number) for number in door.fresh(1000)]
    answer = door.rows(rows, "hired_employees", kind)
    assert is_problem(answer, 422, REJECTED)
    assert counts(answer) == (1000, 0, 1000)
    assert found(answer) == dict.fromkeys(range(1000), BAD_HIRE)
    kept = door.ask(
        "select rejection_id, position, payload, violations from ops.rejections"
        " where load_id = ? and status = 'open' order by position",
        answer.json()["load_id"],
    )
    said = [
        (each["rejection_id"], each["row"], each["violations"])
        for each in answer.json()["rejections"]
    ]
    assert [(key, position, json.loads(text)) for key, position, _, text in kept] == said
    assert [json.loads(payload) for _, _, payload, _ in kept] == rows


def test_a_violation_says_what_is_wrong_and_what_was_sent(door: Door):
    answer = door.rows([bad_hire(7)], "hired_employees")
    assert answer.json()["rejections"][0]["violations"] == [
        {"column": "id", "rule": "in_range", "message": "id must be at least 1", "value": -7},
        {"column": "name", "rule": "not_blank", "message": "name is blank", "value": " "},
        {
            "column": "datetime",
            "rule": "type",
            "message": "datetime is not a date and time written like 2021-07-27T16:02:08Z",
            "value": "2021-13-01T00:00:00Z",
        },
        {
            "column": "department_id",
            "rule": "relationships",
            "message": "departments has no row with id 1000007",
            "value": 1_000_007,
        },
        {"column": "job_id", "rule": "not_null", "message": "job_id is missing", "value": None},
        {
            "column": "extra",
            "rule": "unknown_field",
            "message": "extra is not a column of hired_employees",
            "value": 7,
        },
    ]


def test_a_rejected_row_is_kept_as_it_was_sent_to_the_byte(door: Door):
    [number] = door.fresh()
    row = b'{ "department" : "\\u00e9\\u000a" ,\t"id":1e0, "more": {"a":[1.50, 1E400], "a":2} }'
    answer = door.rows(b'[{"id":%d,"department":"x"},%s]' % (number, row))
    assert counts(answer) == (2, 1, 1)
    load_id = answer.json()["load_id"]
    [(payload,)] = door.ask("select payload from ops.rejections where load_id = ?", load_id)
    assert payload.encode() == row


# Ids


@pytest.mark.parametrize("kind", FORMATS)
def test_an_id_that_stands_twice_in_a_request_goes_to_the_first(door: Door, kind):
    one, two = door.fresh(2)
    rows = [
        department(one, "first"),
        department(two),
        department(one, "second"),
        department(one, "third"),
    ]
    answer = door.rows(rows, kind=kind)
    assert answer.status_code == 207
    assert found(answer) == {2: [("id", "unique")], 3: [("id", "unique")]}
    assert door.ask("select department from core.departments where id = ?", one) == [("first",)]


def test_an_id_that_is_there_is_taken_even_by_the_same_content(door: Door):
    [number] = door.fresh()
    assert door.rows([department(number)]).status_code == 201
    again = door.rows([department(number)])
    assert is_problem(again, 422, REJECTED)
    assert found(again) == {0: [("id", "unique")]}
    assert door.kept([number]) == [number]


# Several tables


@pytest.mark.parametrize("order", list(permutations(TABLES)), ids="-".join)
@pytest.mark.parametrize("kind", [JSON, MSGPACK])
def test_parents_go_in_before_children_whatever_the_order_of_the_tables(door: Door, order, kind):
    of_department, of_job, one, two = door.fresh(4)
    rows = {
        "departments": [department(of_department), department("x")],
        "jobs": [job(of_job)],
        "hired_employees": [hire(one, of_department, of_job), hire(two, of_job, of_department)],
    }
    encode = msgspec.json.encode if kind == JSON else msgspec.msgpack.encode
    body = encode({name: rows[name] for name in order})
    answer = door.tables(body, {"content-type": kind})
    assert answer.status_code == 207
    said = answer.json()["tables"]
    assert {name: (t["received"], t["accepted"], t["rejected"]) for name, t in said.items()} == {
        "departments": (2, 1, 1),
        "jobs": (1, 1, 0),
        "hired_employees": (2, 1, 1),
    }
    [lost] = said["hired_employees"]["rejections"]
    assert lost["row"] == 1
    assert [v["rule"] for v in lost["violations"]] == ["relationships", "relationships"]
    assert door.kept([one, two], "hired_employees") == [one]
    assert [row[0] for row in door.load(answer.json()["load_id"])] == sorted(TABLES)


def test_children_of_a_rejected_parent_are_rejected(door: Door):
    parent, child = door.fresh(2)
    rows = {"hired_employees": [hire(child, parent)], "departments": [department(parent, " ")]}
    answer = door.tables(rows)
    assert is_problem(answer, 422, REJECTED)
    assert answer.json()["tables"]["hired_employees"]["rejections"][0]["violations"][0] == {
        "column": "department_id",
        "rule": "relationships",
        "message": f"departments has no row with id {parent}",
        "value": parent,
    }


def test_rows_of_several_tables_go_in_whole_or_not_at_all_when_strict(door: Door):
    parent, child = door.fresh(2)
    rows = {"departments": [department(parent)], "hired_employees": [hire(child, parent, 0)]}
    answer = door.tables(rows, {"prefer": "handling=strict"})
    assert is_problem(answer, 422, REJECTED)
    assert door.kept([parent]) == door.kept([child], "hired_employees") == []
    assert door.load(answer.json()["load_id"]) == [
        ("departments", "refused", 1, 0, 1),
        ("hired_employees", "refused", 1, 0, 1),
    ]


# Prefer


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("handling=strict", "strict"),
        ("Handling=Strict", "strict"),
        ('respond-async, handling = "strict"; why=not', "strict"),
        ("handling=lenient, handling=strict", "lenient"),  # the first counts (RFC 7240, section 2)
        ("handling=lenient", "lenient"),
        ("return=minimal", "lenient"),
        ("", "lenient"),
        (";;,=,,;=", "lenient"),
    ],
)
def test_the_handling_that_is_preferred_is_applied_and_said(door: Door, prefer, applied):
    good, other = door.fresh(2)
    rows = [department(good), department(other, " ")]
    answer = door.rows(rows, headers={"prefer": prefer})
    assert answer.headers["preference-applied"] == f"handling={applied}"
    assert answer.status_code == (207 if applied == "lenient" else 422)
    assert door.kept([good, other]) == ([good] if applied == "lenient" else [])
    assert found(answer) == {1: [("department", "not_blank")]}  # only rows of their own violations
    assert counts(answer) == ((2, 1, 1) if applied == "lenient" else (2, 0, 2))


def test_a_strict_request_of_good_rows_goes_in(door: Door):
    numbers = door.fresh(3)
    rows = [department(number) for number in numbers]
    answer = door.rows(rows, headers={"prefer": "handling=strict"})
    assert (answer.status_code, counts(answer)) == (201, (3, 3, 0))
    assert door.kept(numbers) == numbers


def test_a_handling_that_is_not_known_is_refused(door: Door):
    [number] = door.fresh()
    answer = door.rows([department(number)], headers={"prefer": "handling=stirct"})
    assert is_problem(answer, 400, "bad-request")
    assert door.kept([number]) == []


# Dry run


@pytest.mark.parametrize("handling", ["lenient", "strict"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_dry_run_says_what_would_be_and_writes_nothing(door: Door, kind, handling):
    one, two = door.fresh(2)
    rows = [department(one), department(one), department(two, " "), department(1)]
    headers = {"prefer": f"handling={handling}", "idempotency-key": f"dry {one}"}
    before = door.everything()
    dry = door.rows(rows, kind=kind, headers=headers, dry_run="true")
    assert door.everything() == before
    assert dry.json()["load_id"] is None
    assert all(each["rejection_id"] is None for each in dry.json()["rejections"])
    wet = door.rows(rows, kind=kind, headers=headers)
    assert "idempotency-replayed" not in wet.headers
    status = {201: 200}.get(wet.status_code, wet.status_code)  # nothing was made
    assert (dry.status_code, counts(dry), found(dry)) == (status, counts(wet), found(wet))
    assert dry.headers["preference-applied"] == wet.headers["preference-applied"]
    later = door.rows(rows, kind=kind, headers=headers, dry_run="true")  # its key is not looked at
    assert later.json()["load_id"] is None
    went_in = {0: [("id", "unique")]} if handling == "lenient" else {}
    assert found(later) == found(dry) | went_in


def test_a_dry_run_of_several_tables_knows_the_parents_that_would_be(door: Door):
    parent, child = door.fresh(2)
    rows = {"hired_employees": [hire(child, parent)], "departments": [department(parent)]}
    before = door.everything()
    assert door.tables(rows, dry_run="true").status_code == 200
    refused = door.tables({}, dry_run="true")
    assert is_problem(refused, 422, "wrong-number-of-rows")
    assert door.everything() == before


def test_the_metrics_count_what_went_in_and_no_dry_run(door: Door):
    def count(outcome: str) -> float:
        name = f'gatehouse_rows_total{{outcome="{outcome}",table="jobs"}}'
        lines = door.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    rows = [job(door.fresh()[0]), job(0)]
    before = count("accepted"), count("rejected")
    door.rows(rows, "jobs", dry_run="true")
    assert (count("accepted"), count("rejected")) == before
    door.rows(rows, "jobs")
    assert (count("accepted"), count("rejected")) == (before[0] + 1, before[1] + 1)
