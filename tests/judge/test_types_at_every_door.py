"""Every type, written in every way there is, through every door, and out again in every format."""

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.cases import NOTHING
from tests.support.contract import Contract
from tests.support.patches import RFC_EXAMPLES
from tests.support.projects import Project
from tests.support.rows import CSV, FORMATS, JSON, MSGPACK, NDJSON
from tests.support.services import serving, serving_by
from tests.support.typed_project import OTHER, PLACES_SENT, THING, typed_project
from tests.support.typed_rows import TypedRow, as_csv, as_json, typed_rows

MERGE = "application/merge-patch+json"
ZONED = "timestamp_with_time_zone_"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return typed_project(tmp_path_factory.mktemp("types"))


@pytest.fixture(scope="module")
def client(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a service on a copy of the warehouse; its own document checks each answer."""
    warehouse = tmp_path_factory.mktemp("served") / "gatehouse.duckdb"
    settings = msgspec.structs.replace(project.settings, warehouse=warehouse)
    shutil.copy(project.settings.warehouse, settings.warehouse)
    with serving(settings) as client:
        contract = Contract(client.get("/schema").json())
    with serving_by(contract, settings) as client:
        yield client


def accepted(client: httpx.Client, ids: Sequence[int], offset: int = 0) -> dict[int, Any]:
    """The shown value of each of the rows that is there."""
    rows = client.get("/v1/tables/typed/rows?limit=all").json()["rows"]
    found = {}
    for row in rows:
        number = row.pop("id") - offset
        if number in ids:
            values = [value for value in row.values() if value is not None]
            assert len(values) == 1, (number, row)
            found[number] = values[0]
    return found


def expected(rows: Sequence[TypedRow]) -> dict[int, Any]:
    return {row.id: row.shown for row in rows if row.shown is not NOTHING}


def test_history_takes_what_can_be_read_and_nothing_else(
    project: Project, client: httpx.Client
) -> None:
    rows = typed_rows()
    assert len({row.type.kind for row in rows}) == 14
    assert accepted(client, [row.id for row in rows]) == expected(rows)
    failed = {position: (column, rule) for position, column, rule in project.rejections("typed")}
    assert len(failed) == len(rows) - len(expected(rows))
    assert {rule for _, rule in failed.values()} == {"type"}


@pytest.mark.parametrize("form", [CSV, JSON, NDJSON, MSGPACK])
def test_a_request_takes_the_same(client: httpx.Client, form: str) -> None:
    offset = 100_000 * (1 + [CSV, JSON, NDJSON, MSGPACK].index(form))
    rows = [row._replace(id=row.id + offset) for row in typed_rows()]
    if form == CSV:
        bodies = [as_csv(rows[at : at + 1000]).encode() for at in range(0, len(rows), 1000)]
    else:
        rows = [row for row in rows if as_json(row) and (form != MSGPACK or _is_binary(row))]
        bodies = [_body(form, rows[at : at + 1000]) for at in range(0, len(rows), 1000)]
    for body in bodies:
        answer = client.post("/v1/tables/typed/rows", content=body, headers={"content-type": form})
        assert answer.status_code == 207, answer.text
        assert {v["rule"] for r in answer.json()["rejections"] for v in r["violations"]} == {"type"}
    wanted = expected(rows)
    if form == MSGPACK:  # which has binary numbers
        wanted = {row.id: wanted[row.id] for row in rows if row.id in wanted and _is_exact(row)}
    assert accepted(client, [row.id for row in rows]) == wanted


def _is_binary(row: TypedRow) -> bool:
    """Whether MessagePack can say what is meant, or a number that is no such decimal."""
    return len(row.text) < 19 and (row.type.kind == "decimal" or _is_exact(row))


def _is_exact(row: TypedRow) -> bool:
    """Whether a binary number is the value that is meant."""
    value = json.loads(as_json(row) or "")[row.column]
    return row.type.name == "double" or not isinstance(value, float) or value == Decimal(row.text)


def _body(form: str, rows: Sequence[TypedRow]) -> bytes:
    texts = [as_json(row) or "" for row in rows]
    if form == NDJSON:
        return "\n".join(texts).encode()
    body = f"[{','.join(texts)}]".encode()
    return msgspec.msgpack.encode(json.loads(body)) if form == MSGPACK else body


def things(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/tables/things/rows", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]  # type: ignore[no-any-return]


def test_keys_of_any_type_are_the_same_however_they_are_written(
    project: Project, client: httpx.Client
) -> None:
    assert project.rejections("rates") == [(3, "rate", "unique")]
    assert project.last_load("rates") == (4, 2, 1, 1)  # 20.0,c is 20,c again
    assert project.rejections("moments") == [(3, "moment", "unique"), (4, "clock", "unique")]
    assert sorted(project.rejections("things")) == [
        (3, "id", "unique"),
        *[(4, "clock", "relationships"), (4, "moment", "relationships")],
        *[(4, "parent", "max_length"), (4, "rate", "relationships")],
    ]
    messages = {
        each["message"]
        for (said,) in project.query(
            "select violations from ops.rejections where table_name <> 'places'"
        )
        for each in json.loads(said)
        if each["rule"] in ("unique", "relationships")
    }
    assert messages == {
        "rate 1.50 is taken by another row",
        "moment 2021-07-27T14:02:08Z is taken by another row",
        "clock 12:00:00 is taken by another row",
        f"id {THING} is taken by another row",
        "rates has no row with rate 3.00",
        "moments has no row with moment 2021-07-29T00:00:00Z",
        "moments has no row with clock 14:00:00",
    }
    sent: dict[str, list[dict[str, Any]]] = {
        "rates": [{"rate": 1.5}, {"rate": "20.00"}, {"rate": 7.25}],
        "moments": [{"moment": "2021-07-28T02:00:00.500+02:00"}, {"clock": "12:00:00.000"}],
        "things": [
            {"id": THING.upper(), "rate": 3},
            {"id": OTHER, "rate": 7.250, "moment": "2021-07-29T00:00:00z", "clock": "14:00:00"},
        ],
    }
    sent["moments"][1]["moment"] = "2021-07-30T00:00:00Z"
    answer = client.post("/v1/rows?dry_run=true", content=msgspec.json.encode(sent))
    told = {
        violation["message"]
        for table in answer.json()["tables"].values()
        for row in table["rejections"]
        for violation in row["violations"]
    }
    assert told == {
        *messages,
        "rate 20.00 is taken by another row",
        "moment 2021-07-28T00:00:00.5Z is taken by another row",
    } - {"moment 2021-07-27T14:02:08Z is taken by another row"}


def test_rows_go_out_in_every_format_and_come_back(client: httpx.Client, tmp_path: Path) -> None:
    rows = client.get("/v1/tables/typed/rows?limit=all").json()["rows"]
    lines = client.get("/v1/tables/typed/rows.ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == rows
    parquet = pq.read_table(io.BytesIO(client.get("/v1/tables/typed/rows.parquet").content))
    arrow = pa.ipc.open_stream(client.get("/v1/tables/typed/rows.arrow").content).read_all()
    assert arrow.equals(parquet.cast(arrow.schema))
    shown = [row["decimal_38_37_"] for row in rows]
    assert parquet["decimal_38_37_"].to_pylist() == [text and Decimal(text) for text in shown]
    for form, ending in ((CSV, "csv"), (NDJSON, "ndjson")):
        body = client.get(f"/v1/tables/typed/rows.{ending}").content
        for number in {row["id"] for row in rows}:
            assert str(number).encode() in body
        before = client.get("/v1/tables/typed").json()
        assert before
        answer = client.post(
            "/v1/tables/typed/rows?dry_run=true", content=body, headers={"content-type": form}
        )
        if answer.status_code == 200:
            broken = {
                (violation["column"], violation["rule"])
                for row in answer.json()["rejections"]
                for violation in row["violations"]
            }
            assert broken == {("id", "unique")}


def test_a_backup_brings_back_what_was_there(client: httpx.Client) -> None:
    before = {
        name: client.get(f"/v1/tables/{name}/rows?limit=all").json() for name in ("typed", "things")
    }
    made = client.post("/v1/backups")
    assert made.status_code == 201, made.text
    by_table = {each["table"]: each["backup_id"] for each in made.json()["backups"]}
    extra = {"id": OTHER, "doc": {"z": [1.10]}, "rate": 20}
    assert client.post("/v1/tables/things/rows", json=extra).status_code == 201
    assert client.post("/v1/tables/typed/rows", json={"id": 1_000_000}).status_code == 201
    for table, rows in before.items():
        body = {"backup_id": by_table[table], "dry_run": True}
        plan = client.post(f"/v1/tables/{table}/restore", json=body).json()
        assert (plan["added"], plan["changed"], plan["removed"]) == (0, 0, 1), plan
        answer = client.post(f"/v1/tables/{table}/restore", json={**body, "dry_run": False})
        assert answer.status_code in (200, 202), answer.text
        assert client.get(f"/v1/tables/{table}/rows?limit=all").json() == rows
    assert client.get("/v1/audit").json()["ok"]


def test_a_patch_merges_documents_as_rfc_7396_says(client: httpx.Client) -> None:
    key = "8ba7b810-9dad-11d1-80b4-00c04fd430c8"
    path = f"/v1/tables/things/rows/{key}"
    for there, patch, result in RFC_EXAMPLES:
        row = f'{{"id":"{key}","doc":{there},"rate":"20.00"}}'
        put = client.put(path, content=row, headers={"content-type": JSON})
        assert put.status_code in (200, 201), put.text
        sent = f'{{"doc": {patch}}}'
        answer = client.patch(path, content=sent, headers={"content-type": MERGE})
        assert answer.status_code == 200, answer.text
        left = client.get(path)
        assert (f'"doc":{result}' in left.text, left.json()["rate"]) == (True, "20.00"), sent
    for said in (b'{"a": 1, "b": {"z": 1.00, "y": -0}}', b'{"b": {"y": null, "x": 1e400}}'):
        assert client.patch(path, content=b'{"doc": %b}' % said).status_code == 200
    assert '"doc":{"a":1,"b":{"x":1e400,"z":1.00}}' in client.get(path).text
    for said in (b'{"a": {"b": 1, "b": null}}', b'{"\\ud800": 1}', b'{"a": {"\xff": 1}}'):
        refused = client.patch(path, content=b'{"doc": %b}' % said)
        assert refused.status_code in (400, 422), refused.text
    assert client.delete(path).status_code == 200


def test_filters_orders_and_cursors_know_each_type(client: httpx.Client) -> None:
    for column, value, others in (
        ("decimal_10_2_", "1.50", ("gt.99999999", "in.(1,007.10)", "lt.0")),
        ("uuid_", THING.upper(), (f"in.({OTHER},{THING})", f"gt.{THING}")),
        ("time_", "12:00:00.500", ("gte.23:59:59", "in.(12:00:00.5)")),
        (
            "timestamp_with_time_zone_",
            "2021-07-27T16:02:08+02:00",
            ("gte.9999-01-01", "lt.0002-01-01"),
        ),
        ("json_", '{ "b": 1, "a": [1.0, 1e400, -0]}', ("is.null",)),
        ("smallint_", "32767", ("lt.0", "in.(1,32767)")),
        ("tinyint_", "-128", ("gt.0", "in.(7,127)")),
    ):
        found = client.get("/v1/tables/typed/rows", params={column: f"eq.{value}"}).json()["rows"]
        assert found, column
        assert all(row[column] is not None for row in found)
        for other in others:
            answer = client.get("/v1/tables/typed/rows", params={column: other, "limit": 3})
            assert answer.status_code == 200, answer.text
        assert client.get("/v1/tables/typed/rows", params={column: "eq.?"}).status_code == 400
        order = {"order": f"{column}.desc.nullsfirst" if column == "json_" else column}
        seen: list[Any] = []
        after = {"limit": "7"}
        while len(seen) < 40:
            page = client.get("/v1/tables/typed/rows", params={**order, **after}).json()
            seen += [row["id"] for row in page["rows"]]
            if page["next"] is None:
                break
            after["after"] = page["next"]
        assert len(seen) == len({*seen}), column
        facets = client.get("/v1/tables/typed/facets", params={"column": column})
        assert facets.status_code == 200, facets.text


KEPT_PLACES = [kept for _, kept in PLACES_SENT if kept]
BREAKS = [
    (2, "code", "unique"),
    (3, "name", "not_blank"),
    (4, "name", "max_length"),
    (5, "amount", "type"),
]


def test_history_is_normalised_and_has_defaults(project: Project) -> None:
    rows = project.query(
        "select code, name, cast(amount as varchar), country from core.places order by 4"
    )
    assert [dict(zip(KEPT_PLACES[0], row, strict=True)) for row in rows] == KEPT_PLACES
    found = sorted(project.rejections("places"))
    assert [(column, rule) for _, column, rule in found] == [each[1:] for each in BREAKS]
    told = "select defaulted, normalised from ops.loads where table_name = 'places'"
    assert project.query(told) == [(2, 2)]


@pytest.mark.parametrize("form", [JSON, CSV, NDJSON, MSGPACK])
def test_a_request_is_normalised_and_has_the_same_defaults_and_is_told(
    client: httpx.Client, form: str
) -> None:
    mark = str([JSON, CSV, NDJSON, MSGPACK].index(form))
    rows = [
        {**row, "code": row["code"].replace("B", mark).replace("z", mark)} for row, _ in PLACES_SENT
    ]
    if form == JSON:  # what is missing may be left out
        rows = [{name: value for name, value in row.items() if value is not None} for row in rows]
    answer = client.post(
        "/v1/tables/places/rows", content=FORMATS[form](rows), headers={"content-type": form}
    ).json()
    assert [
        (each["row"], violation["column"], violation["rule"])
        for each in answer["rejections"]
        for violation in each["violations"]
    ] == BREAKS
    assert (answer["defaulted"], answer["normalised"]) == (2, 2)
    load = client.get(f"/v1/loads/{answer['load_id']}").json()
    assert (load["accepted"], load["defaulted"], load["normalised"]) == (2, 2, 2)
    kept = client.get("/v1/tables/places/rows", params={"code": f"like.*{mark}*"}).json()["rows"]
    assert sorted(kept, key=lambda row: row["country"]) == [
        {**row, "code": row["code"].replace("B", mark).replace("Z", mark)} for row in KEPT_PLACES
    ]
    again = client.post("/v1/tables/places/rows", json=[{"code": "nope", "name": " "}]).json()
    assert "defaulted" not in again


DOCUMENTS = ['{"a":[1.10,{"b":null}],"z":1e400}', '"text"', '"[1]"', "-0.0", "[]", "{}", "false"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_stays_as_it_is_when_another_column_is_patched(
    client: httpx.Client, document: str
) -> None:
    path = f"/v1/tables/things/rows/{uuid4()}"
    row = b'{"id": "%s", "doc": %s}' % (path[-36:].encode(), document.encode())
    headers = {"content-type": JSON}
    made = client.put(path, content=row, headers=headers)
    assert made.status_code == 201, made.text
    assert made.headers["etag"] == client.get(path).headers["etag"]
    assert client.put(path, content=row, headers=headers).json()["already_present"] == 1
    for rate in (20, 1.5):
        patched = client.patch(path, json={"rate": rate})
        assert f'"doc":{document}' in patched.text
        assert patched.headers["etag"] == client.get(path).headers["etag"]
    assert f'"doc":{document}' in client.get(path).text
    assert client.get(f"{path}/history").text.count(f'"doc":{document}') == 5
    removed = client.delete(path)
    assert removed.status_code == 200, removed.text


def test_rows_of_any_kind_of_key_are_changed_removed_and_erased(client: httpx.Client) -> None:
    merge = {"prefer": "resolution=merge-duplicates"}
    keys = (("things", "id", THING[:-1] + "e", "doc"), ("rates", "rate", "77.70", "label"))
    for table, name, key, column in (*keys, ("moments", "moment", "2001-01-01T00:00:00Z", "clock")):
        rows = f"/v1/tables/{table}/rows"
        for value in ("01:00:00", "02:00:00"):
            sent = client.post(rows, json=[{name: key, column: value}], headers=merge)
            assert sent.status_code in (200, 201), sent.text
        for removing in (f"{rows}/{key}", f"{rows}?{name}=eq.{key}"):
            gone = client.delete(removing)
            assert (gone.status_code, gone.json().get("removed")) == (200, 1), gone.text
            assert client.put(f"{rows}/{key}", json={name: key}).status_code == 201
        child = client.post("/v1/tables/things/rows", json={"id": OTHER, "moment": key})
        if table == "moments":
            assert child.status_code == 201
            assert client.delete(f"{rows}/{key}").status_code == 409
            assert client.delete(f"/v1/tables/things/rows/{OTHER}").status_code == 200
        backup = client.post(f"/v1/tables/{table}/backups").json()["backup_id"]
        wanted = {"reason": "asked", "backups": True}
        erased = client.post(f"{rows}/{key}/erase", json=wanted)
        assert erased.status_code == 200, erased.text
        assert backup in erased.text  # it held the row, and was written anew
        assert erased.json()["rows"][0]["traces"]["changes"] >= 4, erased.text
        assert client.get(f"{rows}/{key}").status_code == 404


def test_a_key_is_erased_in_each_way_that_it_was_written(client: httpx.Client) -> None:
    rows = "/v1/tables/places/rows"
    assert client.put(f"{rows}/ERA", json={"code": "ERA", "name": "kept"}).status_code == 201
    sent = [{"code": code, "name": f"Zanzibar {code}"} for code in (" era", "Era ", "other", "ER")]
    rejections = client.post(rows, json=[{**row, "amount": "much"} for row in sent]).json()
    ids = [each["rejection_id"] for each in rejections["rejections"]]
    erased = client.post(f"{rows}/ERA/erase", json={"reason": "asked"}).json()
    assert erased["rows"][0]["traces"]["rejections"] == 2
    left = ["Zanzibar" in client.get(f"/v1/rejections/{each}").text for each in ids]
    assert left == [False, False, True, True]


@pytest.mark.parametrize(
    "code", ["A/B", "/", "//", "A//", "%2F", "%/", "?#&;", "+ +", "Ø☃", "\ufdd0"]
)
def test_a_row_is_found_by_its_key_whatever_is_in_it(client: httpx.Client, code: str) -> None:
    path = f"/v1/tables/places/rows/{quote(code, safe='')}"
    made = client.put(path, json={"code": code, "name": "one"})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == path
    assert client.get(path).json()["code"] == code
    assert client.patch(path, json={"name": "two"}).json()["row"]["name"] == "two"
    assert client.get(f"{path}/history").json()["key"] == code
    assert client.get(f"{path}/references").status_code == 200
    assert client.delete(path).json()["removed"] == 1
    assert client.get(path).status_code == 404
