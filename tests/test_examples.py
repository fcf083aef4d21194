"""The schemas of examples/: built, sent rows, backed up, restored; none has Python of its own."""

import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.cli.dictionary_texts import of_table
from tests.support import CHECKOUT, parsed
from tests.support.projects import Project
from tests.support.services import serving

EXAMPLES = CHECKOUT / "examples"
TABLES = {
    folder.name: sorted(path.stem for path in (folder / "models").glob("*.sql"))
    for folder in sorted(EXAMPLES.iterdir())
    if folder.is_dir()
}
TRACK = {"name": "So What", "album_id": 1, "media_type_id": 1, "unit_price": "0.99"}
SALE = {
    "price": 250_000,
    "date_of_transfer": "2021-07-27 00:00",
    "postcode": "AB1 2CD",
    "property_type": "D",
    "old_new": "N",
    "duration": "F",
    "paon": "7",
    "town": "LEEDS",
    "district": "LEEDS",
    "county": "WEST YORKSHIRE",
    "ppd_category": "A",
    "record_status": "A",
}
ORPHAN: set[tuple[str | None, str]] = {("album_id", "relationships")}
NUMBER = "{{{:08X}-1111-4222-8333-0000000000FF}}"
# Of each table some rows, and what each breaks: (column, rule).
SENT: dict[str, list[tuple[dict[str, Any], set[tuple[str | None, str]]]]] = {
    "track": [
        ({**TRACK, "track_id": 900, "milliseconds": 545_000}, set()),
        (
            {**TRACK, "track_id": 901, "name": "2", "milliseconds": 0},
            {("milliseconds", "in_range")},
        ),
        (
            {**TRACK, "track_id": 902, "name": "3", "milliseconds": 1, "album_id": 99},
            ORPHAN,
        ),
        (
            {**TRACK, "track_id": 1, "name": "Track 6", "milliseconds": 1},
            {("track_id", "unique"), ("album_id,name", "unique")},
        ),
        (
            {**TRACK, "track_id": 903, "name": "4", "milliseconds": 1, "unit_price": "0.995"},
            {("unit_price", "type")},
        ),
        (
            {**TRACK, "track_id": 904, "name": "5", "milliseconds": 1, "unit_price": 2.5},
            {("unit_price", "accepted_values")},
        ),
    ],
    "employee": [
        (
            {"employee_id": 90, "last_name": "King", "first_name": "Ada", "reports_to": 92},
            set(),
        ),
        ({"employee_id": 92, "last_name": "Rey", "first_name": "Eva", "email": " A@B "}, set()),
        (
            {
                "employee_id": 91,
                "last_name": "King",
                "first_name": "Ada",
                "email": "Nancy@chinookcorp.com ",
                "birth_date": "2010-01-01",
                "hire_date": "2021-01-01",
            },
            {("email", "unique"), (None, "expression_is_true")},
        ),
    ],
    "playlist_track": [
        ({"playlist_id": 1, "track_id": 1}, set()),
        ({"playlist_id": 3, "track_id": 2}, {("playlist_id,track_id", "unique")}),
        ({"playlist_id": 9, "track_id": 2}, {("playlist_id", "relationships")}),
    ],
    "products": [
        ({"product_id": 90, "product_name": "Tea", "unit_price": 1.5}, set()),
        ({"product_id": 91, "product_name": "Tea"}, {(None, "expression_is_true")}),
        ({"product_id": 92, "product_name": "Tea", "discontinued": True}, set()),
    ],
    "orders": [
        ({"order_id": 1, "customer_id": " alfki", "order_date": "1998-01-01"}, set()),
        (
            {
                "order_id": 2,
                "order_date": "1998-01-02",
                "shipped_date": "1998-01-01",
                "ship_via": 1,
            },
            {(None, "expression_is_true")},
        ),
        ({"order_id": 3, "customer_id": "NOONE"}, {("customer_id", "relationships")}),
    ],
    "price_paid": [
        ({**SALE, "transaction_id": NUMBER.format(1)}, set()),
        ({**SALE, "transaction_id": NUMBER.format(2)[1:-1]}, {("transaction_id", "matches")}),
        (
            {**SALE, "transaction_id": NUMBER.format(3), "postcode": "LEEDS"},
            {("postcode", "matches")},
        ),
        (
            {**SALE, "transaction_id": NUMBER.format(6), "date_of_transfer": "2021-02-30 00:00"},
            {(None, "expression_is_true")},  # it cannot be evaluated
        ),
        (
            {**SALE, "transaction_id": NUMBER.format(4), "property_type": "X", "old_new": "X"},
            {("property_type", "relationships"), ("old_new", "accepted_values")},
        ),
        (
            {**SALE, "transaction_id": NUMBER.format(5), "property_type": "O"},
            {(None, "expression_is_true")},
        ),
    ],
}
WARNED = {"price_paid": {**SALE, "transaction_id": NUMBER.format(9), "price": 1}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("examples"))
    project.leave_out_tables()
    for name, tables in TABLES.items():
        shutil.copytree(EXAMPLES / name / "models", project.core, dirs_exist_ok=True)
        shutil.copytree(EXAMPLES / name / "seeds", project.seeds, dirs_exist_ok=True)
        for table in tables:
            (project.folder / "seeds" / f"raw_{table}.csv").touch()
    (project.settings.target / parsed.STATE).unlink()  # dbt reads them all together
    project.build()
    return project


@pytest.fixture(scope="module")
def client(project: Project) -> Iterator[httpx.Client]:
    with serving(project.settings) as client:
        yield client


def everything(client: httpx.Client) -> dict[str, Any]:
    return {
        table: client.get(f"/v1/tables/{table}/rows?limit=all").json()["rows"]
        for tables in TABLES.values()
        for table in tables
    }


def test_the_whole_history_fits(project: Project) -> None:
    for name, tables in TABLES.items():
        for table in tables:
            lines = (EXAMPLES / name / "seeds" / f"{table}.csv").read_text().splitlines()
            rows = len(lines) - (table != "price_paid")  # which has no header
            assert project.last_load(table) == (rows, rows, 0, 0), table


def test_rows_go_in_or_are_kept_out_by_name_and_a_restore_takes_them_back(
    client: httpx.Client,
) -> None:
    before = everything(client)
    backup = client.post("/v1/backups").json()["set_id"]
    for table, sent in SENT.items():
        answer = client.post(f"/v1/tables/{table}/rows", json=[row for row, _ in sent]).json()
        broken = {each["row"]: each["violations"] for each in answer["rejections"]}
        found = [{(v["column"], v["rule"]) for v in broken.get(i, ())} for i in range(len(sent))]
        assert found == [expected for _, expected in sent], table
    for table, row in WARNED.items():
        warned = client.post(f"/v1/tables/{table}/rows", json=[row]).json()["warnings"]
        assert [each["rule"] for each in warned[0]["warnings"]] == ["expression_is_true"]
    assert client.get("/v1/tables/orders/rows/1").json()["customer_id"] == "ALFKI"
    kept = client.get("/v1/tables/products/rows/90").json()
    assert (kept["units_in_stock"], kept["discontinued"]) == (0, False)
    restored = client.post("/v1/restore", json={"set_id": backup})
    assert restored.status_code == 200, restored.text
    assert everything(client) == before
    assert client.get("/v1/audit").json()["ok"]


def test_each_table_is_in_the_api_document_and_on_a_page_of_the_dictionary(
    client: httpx.Client,
) -> None:
    document = client.get("/schema").json()
    for tables in TABLES.values():
        for table in tables:
            assert f"/v1/tables/{table}/rows" in document["paths"]
    sale = document["components"]["schemas"]["PricePaidRow"]
    assert "A standard sale is of a house or a flat" in sale["description"]
    headers = {"accept": "text/html"}
    assert "What is sold has a price" in client.get("/dictionary/products", headers=headers).text
    said = dict(of_table(client.get("/dictionary/orders").json()))["the row"]
    left = "What has left has a carrier (where shipped_date is not null) (a warning)"
    assert sorted(said) == ["- Nothing leaves before it is ordered", f"- {left}"]
