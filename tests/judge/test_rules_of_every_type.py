"""Rules on columns of each exact type: one verdict, whichever way a row comes."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import httpx
import msgspec
import pytest

from service.cli.dictionary_texts import of_table
from service.runtime.locations import Location
from tests.support.answers import ended, is_problem
from tests.support.projects import Project
from tests.support.rows import CSV, FORMATS, JSON, MSGPACK, NDJSON, in_csv
from tests.support.services import serving

OWN_KINDS = """
{% test differs(model, column_name, other) %}
{{ rows_that_break(model, rule_differs(column_name, other), column_name) }}
{% endtest %}
{% macro rule_differs(column, other) %}{{ column }} <> {{ other }}{% endmacro %}
"""
ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
OTHER = ID.replace("6", "7", 1)
KEY = "constraints: [{type: primary_key}], data_tests: [not_null, unique]"
BOOKED = f"""
- {{name: id, data_type: integer, description: Number., {KEY}}}
- name: amount
  data_type: decimal(20,4)
  description: Two bounds, and another amount.
  data_tests:
    - in_range: {{arguments: {{min: -1.5, max: "1234567890123456.7891"}}}}
    - differs: {{arguments: {{other: price}}}}
- name: price
  data_type: decimal(6,2)
  description: One of three.
  data_tests:
    - accepted_values: {{arguments: {{values: [1.5, "20.00", 7]}}}}
    - expression_is_true:
        arguments: {{expression: "* 3 <> 21.0"}}
        config: {{where: "day is not null"}}
- name: thing
  data_type: uuid
  description: One of two.
  data_tests:
    - accepted_values:
        arguments: {{values: [{ID.upper()}, {OTHER}]}}
    - expression_is_true: {{arguments: {{expression: "<> '{OTHER.upper()}'"}}}}
- name: clock
  data_type: time
  description: In office hours.
  data_tests:
    - in_range: {{arguments: {{min: "08:00:00", max: "17:30:00.5", inclusive: false}}}}
    - expression_is_true: {{arguments: {{expression: "not between '12:00'::time and '12:59:59'"}}}}
- name: noon
  data_type: time
  description: One of two.
  data_tests: [{{accepted_values: {{arguments: {{values: ["12:00:00", "12:00:00.50"]}}}}}}]
- name: moment
  data_type: timestamp with time zone
  description: Passed, and not too long ago.
  data_tests:
    - not_in_future
    - in_range: {{arguments: {{min: "2021-07-27T16:02:08+02:00"}}}}
    - expression_is_true: {{arguments: {{expression: "<> timestamptz '2022-01-01 00:00:00+00'"}}}}
- name: began
  data_type: timestamptz
  description: One of one.
  data_tests: [{{accepted_values: {{arguments: {{values: ["2021-07-27T16:02:08+02:00"]}}}}}}]
- name: doc
  data_type: json
  description: A kind that is known.
  data_tests:
    - expression_is_true: {{arguments: {{expression: "->> 'kind' in ('a', 'b')"}}}}
    - accepted_values:
        arguments: {{values: ['{{ "kind": "a" }}', '{{"kind":"b","n":1.5}}', '{{"kind":"c"}}']}}
- name: code
  data_type: varchar(3)
  description: Short, and another than the note.
  data_tests:
    - differs: {{arguments: {{other: note}}}}
- name: note
  data_type: varchar
  description: A number for one code.
  config: {{meta: {{normalise: [trim, lower]}}}}
  data_tests:
    - expression_is_true:
        arguments: {{expression: "::integer > 0"}}
        config: {{where: "code = 'int'"}}
- {{name: land, data_type: varchar(2), description: Where., config: {{meta: {{default: CH}}}}}}
- name: small
  data_type: smallint
  description: A range, and no product that is too large.
  data_tests:
    - in_range: {{arguments: {{min: -5, max: 300}}}}
    - expression_is_true: {{arguments: {{expression: "::integer * 200 < 50000"}}}}
    - accepted_values:
        arguments: {{values: [7, 8]}}
        config: {{where: "tiny > 5"}}
- name: tiny
  data_type: tinyint
  description: Little.
  data_tests: [{{differs: {{arguments: {{other: small}}}}}}]
- {{name: day, data_type: date, description: Day.}}
"""
# A row without its key, as texts, and what it breaks.
SENT: list[tuple[dict[str, str], set[tuple[str, str]]]] = [
    ({"amount": "-1.5000", "price": "1.50"}, set()),
    ({"amount": "-1.5001"}, {("amount", "in_range")}),
    ({"amount": "1234567890123456.7891"}, set()),
    ({"amount": "1234567890123456.7892"}, {("amount", "in_range")}),
    ({"amount": "1.5", "price": "1.50"}, {("amount", "differs")}),
    ({"amount": "1.5001", "price": "1.5"}, set()),
    ({"price": "20"}, set()),
    ({"price": "7.00"}, set()),
    ({"price": "7.00", "day": "2021-07-27"}, {("price", "expression_is_true")}),
    ({"price": "1.51"}, {("price", "accepted_values")}),
    ({"thing": ID.upper()}, set()),
    ({"thing": ID.replace("6", "7", 1)}, {("thing", "expression_is_true")}),
    ({"thing": ID.replace("6", "8", 1)}, {("thing", "accepted_values")}),
    ({"clock": "08:00:00"}, {("clock", "in_range")}),
    ({"clock": "08:00:00.000001"}, set()),
    ({"clock": "17:30:00.499999"}, set()),
    ({"clock": "17:30:00.50"}, {("clock", "in_range")}),
    ({"clock": "12:30:00"}, {("clock", "expression_is_true")}),
    ({"noon": "12:00:00.500"}, set()),
    ({"noon": "12:00:01"}, {("noon", "accepted_values")}),
    ({"moment": "2021-07-27T14:02:08Z"}, set()),
    ({"moment": "2021-07-27T15:02:07.999999+01:00"}, {("moment", "in_range")}),
    ({"moment": "9021-07-27T14:02:08Z"}, {("moment", "not_in_future")}),
    ({"moment": "2021-12-31T19:00:00-05:00"}, {("moment", "expression_is_true")}),
    ({"began": "2021-07-27T14:02:08.0Z"}, set()),
    ({"began": "2021-07-27T16:02:08Z"}, {("began", "accepted_values")}),
    ({"doc": '{ "kind" : "a" }'}, set()),
    ({"doc": '{"n": 1.5, "kind": "b"}'}, set()),
    ({"doc": '{"kind": "c"}'}, {("doc", "expression_is_true")}),
    ({"doc": '{"kind": "b"}'}, {("doc", "accepted_values")}),
    ({"doc": "[1]"}, {("doc", "accepted_values")}),
    ({"code": "äöü"}, set()),
    ({"code": "abcd"}, {("code", "max_length")}),
    ({"code": "abc", "note": " ABC"}, {("code", "differs")}),
    ({"code": "abc", "note": "ABCD "}, set()),
    ({"code": "int", "note": "7"}, set()),
    ({"code": "int", "note": "-7"}, {("note", "expression_is_true")}),
    ({"code": "int", "note": "seven"}, {("note", "expression_is_true")}),
    ({"land": "CHE"}, {("land", "max_length")}),
    ({"small": "-6"}, {("small", "in_range")}),
    ({"small": "249", "tiny": "5"}, set()),
    ({"small": "250"}, {("small", "expression_is_true")}),
    ({"small": "9", "tiny": "6"}, {("small", "accepted_values")}),
    ({"small": "8", "tiny": "8"}, {("tiny", "differs")}),
]
COLUMNS = [
    line.split("name: ")[1].split(",")[0] for line in BOOKED.splitlines() if "name: " in line
]
BROKEN = [broken for _, broken in SENT]


def rows(offset: int) -> list[dict[str, Any]]:
    """As texts; their keys are numbers, in order, from `offset` on."""
    return [
        {name: row.get(name) for name in COLUMNS} | {"id": offset + i}
        for i, (row, _) in enumerate(SENT)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All rows are the history of a table."""
    project = Project(tmp_path_factory.mktemp("ruled_types"))
    project.leave_out_tables()
    (project.folder / "dbt_project" / "macros" / "own_kinds.sql").write_text(OWN_KINDS)
    project.model("booked", BOOKED, csv="{delimiter: ',', quote: '\"', header: true}")
    project.write("booked", in_csv(rows(0)))
    project.build()
    return project


@pytest.fixture(scope="module")
def client(project: Project) -> Iterator[httpx.Client]:
    lake = Location(project.folder / "lake")
    with serving(msgspec.structs.replace(project.settings, lake=lake)) as client:
        yield client


def told(answer: httpx.Response) -> list[set[tuple[str, str]]]:
    """What each row of a request breaks."""
    found: list[set[tuple[str, str]]] = [set() for _ in SENT]
    for each in answer.json()["rejections"]:
        found[each["row"]] = {(said["column"], said["rule"]) for said in each["violations"]}
    return found


def test_history_is_judged_by_rules_of_every_type(project: Project) -> None:
    found: list[set[tuple[str, str]]] = [set() for _ in SENT]
    for line, column, rule in project.rejections("booked"):
        found[line - 2].add((column, rule))
    assert found == BROKEN


@pytest.mark.parametrize("form", [CSV, JSON, NDJSON, MSGPACK])
def test_a_request_is_judged_alike(client: httpx.Client, form: str) -> None:
    sent = rows(1000 * (1 + [CSV, JSON, NDJSON, MSGPACK].index(form)))
    if form != CSV:
        for row in sent:
            row |= {name: row[name] and int(row[name]) for name in ("small", "tiny")}
            row["doc"] = row["doc"] and json.loads(row["doc"])
    answer = client.post(
        "/v1/tables/booked/rows", content=FORMATS[form](sent), headers={"content-type": form}
    )
    assert answer.status_code == 207, answer.text
    assert told(answer) == BROKEN


def broken_in(found: list[dict[str, Any]]) -> list[set[tuple[str, str]]]:
    """What each line of a file breaks, by rejections; the first line is the header."""
    broken: list[set[tuple[str, str]]] = [set() for _ in SENT]
    for each in found:
        said = {(violation["column"], violation["rule"]) for violation in each["violations"]}
        broken[each["position"] - 2] = said
    return broken


def test_a_file_is_judged_alike_and_so_is_a_replay(client: httpx.Client) -> None:
    taken = client.post(
        "/v1/tables/booked/files?filename=booked.csv",
        content=in_csv(rows(6000)),
        headers={"content-type": CSV},
    )
    load = ended(client, taken.json()["href"])
    listed = client.get("/v1/rejections", params={"load_id": load["load_id"], "limit": 1000})
    rejections = listed.json()["rejections"]
    assert broken_in(rejections) == BROKEN
    # As they were, as text; then one in which each is another value that fits.
    sent = [
        {"rejection_id": each["rejection_id"], "text": rows(6000)[each["position"] - 2]}
        for each in rejections
    ]
    for each in sent:
        each["text"] = {name: text and str(text) for name, text in each["text"].items()}
    again = client.post("/v1/rejections/replay", json=sent).json()
    assert (again["accepted"], again["rejected"]) == (0, len(rejections))
    fitting = {"amount": "0.10", "moment": "2021-12-31T19:00:00-05:01", "clock": "16:00:00.5"}
    row = {"id": 6999, "land": "NO", **fitting, "doc": {"n": 1.5, "kind": "b"}}
    one = rejections[0]["rejection_id"]
    assert client.post(f"/v1/rejections/{one}/replay", json=row).status_code == 201
    kept = client.get("/v1/tables/booked/rows/6999").json()
    assert {name: value for name, value in kept.items() if value is not None} == {
        **row,
        "amount": "0.1000",
        "moment": "2022-01-01T00:01:00Z",
    }


def shown(client: httpx.Client) -> dict[int, dict[str, Any]]:
    """The rows that are there, by key."""
    found = client.get("/v1/tables/booked/rows?limit=all").json()["rows"]
    return {row["id"]: row for row in found}


def test_the_feed_has_what_the_table_has(client: httpx.Client) -> None:
    assert client.post("/v1/lake/ship").json()["waiting"] == 0
    answer = client.get("/v1/changes", params={"after": 0, "limit": 100_000})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    own = [line for line in lines if line["table"] == "booked"]
    assert {line["operation"] for line in own} == {"reset", "insert"}
    state = {line["row"]["id"]: line["row"] for line in own if "row" in line}
    for row in state.values():
        row["doc"] = row["doc"] and json.loads(row["doc"])
    assert state == shown(client)


def test_defaults_and_normalising_are_told(client: httpx.Client) -> None:
    row = {"id": 7000, "note": " New"}
    load = client.post("/v1/tables/booked/rows", json=row).json()["load_id"]
    page = client.get(f"/loads/{load}").text
    assert "Of the values that went in, 1 is a default, 1 was normalised." in page
    for path in ("/v1/tables/booked", "/dictionary/booked"):
        columns = {each["name"]: each for each in client.get(path).json()["columns"]}
        assert columns["land"]["default"] == "CH"
        assert columns["note"]["normalise"] == ["trim", "lower"]
        assert not {"default", "normalise"} & columns["code"].keys()
    page = client.get("/dictionary/booked", headers={"accept": "text/html"}).text
    assert '<li class="soft">where there is none: <bdi class="code">CH</bdi></li>' in page
    assert "<li>normalised first: trim, lower</li>" in page
    texts = dict(of_table(client.get("/dictionary/booked").json()))
    assert "- where there is none: CH" in texts["land  varchar"]
    assert "- normalised first: trim, lower" in texts["note  varchar"]


def avro(**more: Any) -> bytes:
    """A row in a file of Avro of another tool."""
    types: dict[str, Any] = {
        "ID": "double",
        "Amount": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 1},
        "price": {
            "type": "fixed",
            "name": "f",
            "size": 5,
            "logicalType": "decimal",
            "precision": 9,
            "scale": 4,
        },
        "thing": "string",
        "clock": {"type": "int", "logicalType": "time-millis"},
        "noon": "string",
        "moment": {"type": "long", "logicalType": "timestamp-millis"},
        "began": "string",
        "doc": "string",
        "code": "string",
        "small": "long",
        "tiny": "double",
        "day": "string",
    }
    row = {
        "ID": 1.0,
        "Amount": Decimal("-1.5"),
        "price": Decimal("20.0000"),
        "thing": ID.upper(),
        "clock": time(9, 0, 0, 500_000),
        "noon": "12:00:00.50",
        "moment": datetime(2021, 7, 27, 14, 2, 8, 1000, UTC),
        "began": "2021-07-27T16:02:08+02:00",
        "doc": '{ "n": 1.5, "kind": "b" }',
        "code": "äöü",
        "small": 8,
        "tiny": 7.0,
        "day": "2021-07-27",
    }
    fields = [{"name": name, "type": said} for name, said in types.items()]
    schema = fastavro.parse_schema({"type": "record", "name": "Root", "fields": fields})
    file = io.BytesIO()
    fastavro.writer(file, schema, [row | more])
    return file.getvalue()


THEIRS = {
    "id": 1,
    "amount": "-1.5000",
    "price": "20.00",
    "thing": str(UUID(ID)),
    "clock": "09:00:00.5",
    "noon": "12:00:00.5",
    "moment": "2021-07-27T14:02:08.001Z",
    "began": "2021-07-27T14:02:08Z",
    "doc": {"kind": "b", "n": 1.5},
    "code": "äöü",
    "note": None,
    "land": "CH",
    "small": 8,
    "tiny": 7,
    "day": "2021-07-27",
}


def restored(client: httpx.Client, backup: str) -> httpx.Response:
    return client.post("/v1/tables/booked/restore", json={"backup_id": backup})


def test_avro_from_elsewhere_is_judged_and_a_backup_brings_back_what_was(
    client: httpx.Client,
) -> None:
    before = shown(client)
    backup = client.post("/v1/tables/booked/backups").json()["backup_id"]
    headers = {"content-type": "application/avro"}
    for value, rule in (
        ({"clock": time(18)}, "in_range"),
        ({"price": Decimal("20.01")}, "accepted_values"),
        ({"moment": datetime(2022, 1, 1, tzinfo=UTC)}, "expression_is_true"),
        ({"doc": '{"kind": "c"}'}, "expression_is_true"),
        ({"code": "abcd"}, "max_length"),
    ):
        taken = client.post("/v1/tables/booked/backups", content=avro(**value), headers=headers)
        assert is_problem(taken, 422, "rules-broken"), (value, taken.text)
        assert [each["rule"] for each in taken.json()["violations"]] == [rule], value
    taken = client.post("/v1/tables/booked/backups", content=avro(), headers=headers)
    assert taken.status_code == 201, taken.text
    assert restored(client, taken.json()["backup_id"]).status_code in (200, 202)
    assert shown(client) == {1: THEIRS}
    assert restored(client, backup).status_code in (200, 202)
    assert shown(client) == before
    assert client.get("/v1/audit").json()["ok"]


def test_the_api_document_says_rules_that_json_schema_has_no_words_for(
    client: httpx.Client,
) -> None:
    document = client.get("/schema").json()
    row = document["components"]["schemas"]["BookedRow"]
    shown = {
        name: each["x-rules"]
        for name, said in row["properties"].items()
        for each in (said, *said.get("anyOf", ()))  # or null
        if "x-rules" in each
    }
    assert shown["note"] == ["::integer > 0 (where code = 'int')"]
    assert shown["tiny"] == ["differs (other: small)"]
    assert "day" not in shown


def test_a_row_for_which_a_rule_cannot_be_evaluated_is_told_so_at_each_door(
    client: httpx.Client, project: Project
) -> None:
    said = "it is not true that note ::integer > 0 (where code = 'int')"
    found = project.query(
        "select violations from ops.rejections where violations like '%note ::int%'"
    )
    messages = [json.loads(violations)[0]["message"] for (violations,) in found]
    sent = [{"id": 8000 + i, "code": "int", "note": text} for i, text in enumerate(("-7", "seven"))]
    answer = client.post("/v1/tables/booked/rows", json=sent).json()
    told = [each["violations"][0]["message"] for each in answer["rejections"]]
    assert told == [said, f"{said}; it cannot be evaluated for this row"]
    assert set(messages) == set(told)


def test_a_file_is_not_judged_by_a_macro_that_no_build_has_compiled(
    client: httpx.Client, project: Project
) -> None:
    def loaded(key: int) -> Any:
        content = in_csv([dict.fromkeys(COLUMNS) | {"id": key}])
        path = "/v1/tables/booked/files?filename=booked.csv"
        taken = client.post(path, content=content, headers={"content-type": CSV})
        return ended(client, taken.json()["href"])

    macros = project.folder / "dbt_project" / "macros" / "own_kinds.sql"
    macros.write_text(OWN_KINDS.replace("<> {{ other }}", "is distinct from {{ other }}"))
    load = loaded(9000)
    assert (load["status"], load["accepted"]) == ("failed", 0)
    assert "rule differs of booked has changed since the last build; build first" in load["detail"]
    macros.write_text(OWN_KINDS)
    load = loaded(9001)
    assert (load["status"], load["accepted"]) == ("done", 1)
