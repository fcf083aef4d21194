"""Keys and references of several columns, and references to the own table, at every door."""

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from itertools import permutations
from random import Random
from typing import Any

import fastavro
import httpx
import msgspec
import pytest

from tests.support.answers import ended
from tests.support.commands import run
from tests.support.contract import Contract
from tests.support.key_tables import key_project
from tests.support.projects import Project
from tests.support.services import client_of, serving

ROWS = "/v1/tables/{}/rows"
LINES, EMPLOYEES, TAGS, SEATS = map(ROWS.format, ("order_lines", "employees", "tags", "seats"))
KEY = "order_id,line_no"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tables of key_tables.py, built."""
    project = key_project(tmp_path_factory.mktemp("keys"))
    project.build()
    return project


@pytest.fixture(scope="module")
def client(project: Project) -> Iterator[httpx.Client]:
    """A service on them, whose answers are checked by its own document."""
    with serving(project.settings) as client:
        contract = Contract(msgspec.json.decode(client.get("/schema").content))
        client.event_hooks["response"].append(contract.check)
        yield client


def line(order: str, number: int, product: str | None = None, price: str | None = None) -> Any:
    return {"order_id": order, "line_no": number, "product": product, "price": price}


def employee(number: int, manager: int | None) -> Any:
    return {"id": number, "email": f"{number}@example.org", "manager_id": manager}


def violations(answer: httpx.Response) -> dict[int, list[tuple[str, str, Any]]]:
    """By row: column, rule and value of each violation."""
    return {
        each["row"]: [(v["column"], v["rule"], v["value"]) for v in each["violations"]]
        for each in answer.json()["rejections"]
    }


def kept_out(client: httpx.Client, table: str, **asked: Any) -> set[tuple[int, str, str, str]]:
    """Position, column, rule and value of what was rejected."""
    found = client.get("/v1/rejections", params={"table": table, **asked}).json()["rejections"]
    return {
        (each["position"], v["column"], v["rule"], v["value"])
        for each in found
        for v in each["violations"]
    }


def loaded(client: httpx.Client, table: str, text: str, prefer: str = "") -> dict[str, Any]:
    """The load of a CSV file, when it has ended."""
    begun = client.post(
        f"/v1/tables/{table}/files",
        params={"filename": "rows.csv"},
        content=text.encode(),
        headers={"Content-Type": "text/csv", **({"Prefer": prefer} if prefer else {})},
    ).json()
    return ended(client, begun["href"])


def test_history_is_judged_by_several_columns_and_by_later_lines(client: httpx.Client) -> None:
    assert kept_out(client, "order_lines") >= {
        (7, KEY, "unique", "A-1,1"),
        (8, "order_id", "relationships", "Z-9"),
        (9, "order_id", "not_null", None),
    }
    assert kept_out(client, "shipments") == {(3, KEY, "relationships", "A-1,9")}
    assert kept_out(client, "employees") >= {
        (5, "manager_id", "relationships", "5"),
        (6, "manager_id", "relationships", "99"),
        (8, "email", "unique", "a@x"),
        (9, "manager_id", "relationships", "7"),
        (10, "manager_id", "relationships", "8"),
    }
    loads = client.get("/v1/loads", params={"kind": "history"}).json()["loads"]
    counts = {each["table"]: (each["accepted"], each["already_present"]) for each in loads}
    assert counts == {
        "orders": (3, 0),
        "order_lines": (4, 1),
        "shipments": (3, 0),
        "seats": (5, 1),
        "tags": (2, 1),
        "employees": (4, 0),
    }


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("A-1,1", line("A-1", 1, "pen", "1.50")),
        ("A-1%2C1", line("A-1", 1, "pen", "1.50")),
        ("B%252C2,1", line("B,2", 1, "cup", "3.00")),
        ("C%2F3%2525,1", line("C/3%", 1, "mug", "4.00")),
        ("A-1", None),
        ("A-1,one", None),
        ("A-1,1,1", None),
        ("A-1,9", None),
    ],
)
def test_a_row_is_at_its_parts_with_commas_between(
    client: httpx.Client, place: str, found: Any
) -> None:
    answer = client.get(f"{LINES}/{place}")
    assert answer.json() == found if found else answer.status_code == 404


def test_pages_follow_each_other_by_all_columns_of_the_key(client: httpx.Client) -> None:
    everything = client.get(LINES).json()["rows"]
    assert everything == sorted(everything, key=lambda row: (row["order_id"], row["line_no"]))
    for order in (None, "line_no.desc", "line_no,order_id.desc", "product"):
        said = {"order": order} if order else {}
        found: list[Any] = []
        asked: dict[str, Any] | None = {"limit": 1, **said}
        while asked is not None:
            page = client.get(LINES, params=asked).json()
            found += page["rows"]
            asked = {"limit": 1, **said, "after": page["next"]} if page["next"] else None
        assert found == client.get(LINES, params=said).json()["rows"]
        assert len(found) == len(everything)


def test_a_batch_is_judged_by_several_columns(client: httpx.Client) -> None:
    rows = [
        line("B,2", 10),
        line("B,2", 10, "again"),
        line("A-1", 1, "pen", "1.50"),
        line("B,2", 0),
        line("none", 1),
        {"line_no": 2},
        line("A-1", 10),
    ]
    found = {
        1: [(KEY, "unique", "B%2C2,10")],
        2: [(KEY, "unique", "A-1,1")],
        3: [("line_no", "in_range", 0)],
        4: [("order_id", "relationships", "none")],
        5: [("order_id", "not_null", None)],
    }
    assert violations(client.post(LINES, params={"dry_run": True}, json=rows)) == found
    strict = client.post(LINES, json=rows, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, violations(strict)) == (422, found)
    answer = client.post(LINES, json=rows)
    assert (answer.status_code, answer.json()["accepted"]) == (207, 2)
    assert violations(answer) == found
    csv = 'order_id,line_no\n"B,2",11\n"B,2",10\n'
    answer = client.post(LINES, content=csv, headers={"Content-Type": "text/csv"})
    assert violations(answer) == {1: [(KEY, "unique", "B%2C2,10")]}


def test_rows_that_are_there_are_ignored_or_changed_by_all_columns_of_the_key(
    client: httpx.Client,
) -> None:
    client.post(LINES, json=[line("A-1", 20, "one"), line("A-1", 21, "two")])
    rows = [line("A-1", 20, "one"), line("A-1", 21, "other"), line("A-1", 22)]
    ignored = client.post(LINES, json=rows, headers={"Prefer": "resolution=ignore-duplicates"})
    counts = ignored.json()
    assert (counts["accepted"], counts["already_present"], counts["rejected"]) == (1, 1, 1)
    rows = [line("A-1", 21, "first"), line("A-1", 21, "second"), line("A-1", 23)]
    merged = client.post(LINES, json=rows, headers={"Prefer": "resolution=merge-duplicates"})
    assert (merged.json()["accepted"], merged.json()["changed"]) == (1, 2)
    past = client.get(f"{LINES}/A-1,21/history").json()
    assert [each["after"]["product"] for each in past["changes"]] == ["second", "first"]
    assert past["key"] == "A-1,21"
    rows = [{"order_id": "A-1", "day": "2021-07-27"}, {"order_id": "B,2", "day": "2021-07-27"}]
    merged = client.post(TAGS, json=rows, headers={"Prefer": "resolution=merge-duplicates"})
    assert (merged.json()["accepted"], merged.json()["already_present"]) == (1, 1)


def test_tables_of_one_request_refer_to_each_other_by_several_columns(
    client: httpx.Client,
) -> None:
    answer = client.post(
        "/v1/rows",
        json={
            "shipments": [
                {"id": 100, "order_id": "N-1", "line_no": 1},
                {"id": 101, "order_id": "N-1", "line_no": 2},
                {"id": 102, "line_no": 2},
            ],
            "order_lines": [{"order_id": "N-1", "line_no": 1}],
            "orders": [{"id": "N-1"}],
        },
    ).json()
    assert answer["tables"]["shipments"]["accepted"] == 2
    (rejected,) = answer["tables"]["shipments"]["rejections"]
    assert rejected["violations"] == [
        {
            "column": KEY,
            "rule": "relationships",
            "message": f"order_lines has no row with {KEY} N-1,2",
            "value": "N-1,2",
        }
    ]


def test_a_row_is_changed_kept_and_removed_by_its_key(client: httpx.Client) -> None:
    place = f"{LINES}/A-1,30"
    assert client.put(place, json=line("A-1", 30, "new")).status_code == 201
    tag = client.get(place).headers["ETag"]
    assert client.patch(place, json={"product": "x"}, headers={"If-Match": tag}).is_success
    again = client.patch(place, json={"product": "y"}, headers={"If-Match": tag})
    assert again.status_code == 412
    for body in ({"line_no": 31}, {"order_id": "B,2"}):
        assert client.patch(place, json=body).json()["column"] == KEY
    assert client.delete(place).json()["removed"] == 1
    assert client.get(place).status_code == 404
    client.post(LINES, json=[line("A-1", n) for n in (40, 41)])
    removed = client.delete(LINES, params={"order_id": "eq.A-1", "line_no": "gte.40"})
    assert removed.json()["first"] == ["A-1,40", "A-1,41"]
    # Their keys are free again.
    assert client.post(LINES, json=[line("A-1", n) for n in (30, 40, 41)]).status_code == 201


def test_references_are_followed_both_ways_and_hold_their_rows(client: httpx.Client) -> None:
    (child,) = [
        each
        for each in client.get(f"{LINES}/B%252C2,1/references").json()["children"]
        if each["table"] == "shipments"
    ]
    assert (child["rows"], child["first"]) == (1, [4])
    assert [row["id"] for row in client.get(child["href"]).json()["rows"]] == [4]
    parents = client.get("/v1/tables/shipments/rows/4/references").json()["parents"]
    assert client.get(parents[0]["href"]).json()["order_id"] == "B,2"
    refused = client.delete(f"{LINES}/B%252C2,1")
    assert (refused.status_code, refused.json()["first_ids"]) == (409, [4])
    refused = client.delete("/v1/tables/orders/rows/C%2F3%25")
    assert (refused.status_code, refused.json()["first_ids"]) == (409, ["C/3%25,1"])


CHAIN = [employee(300, 301), employee(301, 302), employee(302, 300), employee(303, 303)]
ORPHANS = [employee(310, 311), employee(311, 312), employee(312, 999)]


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_rows_of_a_batch_may_refer_to_each_other_in_any_order(
    client: httpx.Client, order: tuple[int, ...]
) -> None:
    circle = [CHAIN[i] for i in order]
    for prefer in ("handling=strict", "resolution=merge-duplicates", "handling=lenient"):
        judge = partial(client.post, f"{EMPLOYEES}?dry_run=true", headers={"Prefer": prefer})
        assert judge(json=[*circle, CHAIN[3]]).json()["accepted"] == 4, prefer
        answer = judge(json=[*(ORPHANS[i] for i in order), CHAIN[3]])
        assert sorted(violations(answer)) == [0, 1, 2], prefer


def test_what_does_not_go_in_takes_along_what_refers_to_it(client: httpx.Client) -> None:
    rows = [
        {**employee(320, None), "email": "a@x"},  # taken
        employee(321, 320),
        employee(322, 321),
        employee(323, None),
        {**employee(323, None), "email": "other"},  # 323 is the first one's
        employee(324, 323),
        {"id": "x", "email": "y", "manager_id": 324},  # broken, and its parent goes in
        {"id": "x", "email": "z", "manager_id": 322},  # broken, and its parent does not
    ]
    found = violations(client.post(EMPLOYEES, json=rows))
    wrong = "type"
    assert {row: [(c, r) for c, r, _ in each] for row, each in found.items()} == {
        0: [("email", "unique")],
        1: [("manager_id", "relationships")],
        2: [("manager_id", "relationships")],
        4: [("id", "unique")],
        6: [("id", wrong)],
        7: [("id", wrong), ("manager_id", "relationships")],
    }


def test_a_circle_is_removed_together_or_not_at_all(client: httpx.Client) -> None:
    assert client.post(EMPLOYEES, json=CHAIN).status_code == 201
    refused = client.delete(f"{EMPLOYEES}/300")
    assert (refused.status_code, refused.json()["first_ids"]) == (409, [302])
    assert client.delete(EMPLOYEES, params={"id": "in.(300,301)"}).status_code == 409
    assert client.delete(EMPLOYEES, params={"id": "in.(300,301,302)"}).json()["removed"] == 3
    assert client.delete(f"{EMPLOYEES}/303").json()["removed"] == 1
    moved = client.put(f"{EMPLOYEES}/6", json={"id": 6, "email": "f@x", "manager_id": 999})
    assert moved.status_code == 422


def test_files_are_judged_as_history_is(client: httpx.Client) -> None:
    text = 'order_id,line_no,product\nA-1,1,pen\nA-1,60,x\nA-1,60,y\nQ,1,z\n"B,2",60,\n'
    load = loaded(client, "order_lines", text)
    assert (load["accepted"], load["rejected"]) == (2, 3)
    assert kept_out(client, "order_lines", load_id=load["load_id"]) == {
        (2, KEY, "unique", "A-1,1"),
        (4, KEY, "unique", "A-1,60"),
        (5, "order_id", "relationships", "Q"),
    }
    text = "order_id,line_no,product\nA-1,60,x\nA-1,60,z\nA-1,61,one\nA-1,61,two\n"
    load = loaded(client, "order_lines", text, "resolution=merge-duplicates")
    assert (load["accepted"], load["changed"], load["already_present"]) == (1, 2, 1)
    assert client.get(f"{LINES}/A-1,60").json()["product"] == "z"
    past = client.get(f"{LINES}/A-1,61/history").json()["changes"]
    assert [each["after"]["product"] for each in past] == ["two"]
    text = "id,email,manager_id\n400,400,401\n401,401,1\n402,402,403\n403,403,999\n1,a@x,400\n"
    load = loaded(client, "employees", text, "resolution=merge-duplicates")
    assert (load["accepted"], load["changed"], load["rejected"]) == (2, 1, 2)
    assert client.get(f"{EMPLOYEES}/1").json()["manager_id"] == 400


@pytest.mark.parametrize("seed", range(2))
def test_of_long_chains_a_file_says_what_a_request_does(client: httpx.Client, seed: int) -> None:
    chance, first = Random(seed), 10_000 + 1_000 * seed
    last = first + 220
    rows = [employee(number, number + 1) for number in range(first, last)]  # no row has the last
    for number in range(first, last, 9):  # some keys stand twice: by chance at once or much later
        rows.insert(chance.randrange(len(rows)), employee(number, chance.choice([None, last])))
    for number in chance.sample(range(first, last), 4):  # some chains end well, or in a circle
        rows[number - first]["manager_id"] = chance.choice([None, first, number])
    chance.shuffle(rows)
    for row in rows:
        row["email"] = None if chance.random() < 0.02 else f"{seed}-{chance.random()}"
    asked = client.post(EMPLOYEES, params={"dry_run": True}, json=rows)
    expected = {
        (row + 2, *(str(each) for each in violation))
        for row, all_of in violations(asked).items()
        for violation in all_of
    }
    assert len(expected) > 50
    lines = [f"{row['id']},{row['email'] or ''},{row['manager_id'] or ''}" for row in rows]
    load = loaded(client, "employees", "\n".join(["id,email,manager_id", *lines]))
    found = {
        (place, column, rule, str(value))
        for place, column, rule, value in kept_out(client, "employees", load_id=load["load_id"])
    }
    assert found == expected


def test_a_rejected_row_is_corrected_in_its_key(client: httpx.Client) -> None:
    answer = client.post(LINES, json=[line("A-1", 1, "late")]).json()
    place = f"/v1/rejections/{answer['rejections'][0]['rejection_id']}/replay"
    assert violations(client.post(place)) == {0: [(KEY, "unique", "A-1,1")]}
    assert client.post(place, json=line("A-1", 70, "late")).status_code == 201
    answer = client.post(EMPLOYEES, json=[employee(330, 331), employee(331, 332)]).json()
    assert answer["rejected"] == 2
    client.post(EMPLOYEES, json=[employee(332, None)])
    client.post("/v1/rejections/replay", params={"load_id": answer["load_id"]})
    assert client.get(f"{EMPLOYEES}/330").json()["manager_id"] == 331


def test_a_restore_is_the_difference_by_all_columns_of_the_key(client: httpx.Client) -> None:
    taken = client.post("/v1/backups").json()
    ids = {each["table"]: each["backup_id"] for each in taken["backups"]}
    before = {table: client.get(ROWS.format(table)).json()["rows"] for table in ids}
    client.post(LINES, json=[line("A-1", 80), line("A-1", 81)])
    client.patch(f"{LINES}/B%252C2,1", json={"product": "changed"})
    client.delete(f"{LINES}/A-1,2")
    client.post(EMPLOYEES, json=[employee(340, 341), employee(341, 340)])
    found: list[Any] = []
    asked: dict[str, Any] | None = {"limit": 2}
    while asked is not None:
        page = client.get(f"/v1/backups/{ids['order_lines']}/difference", params=asked).json()
        found += [(each["kind"], each["key"], each["columns"]) for each in page["rows"]]
        asked = {"limit": 2, "after": page["next"]} if page["next"] else None
    assert found == [
        ("added", "A-1,2", []),
        ("removed", "A-1,80", []),
        ("removed", "A-1,81", []),
        ("changed", "B%2C2,1", ["product"]),
    ]
    restored = client.post("/v1/restore", json={"set_id": taken["set_id"]}).json()["tables"]
    assert {each["table"]: each["removed"] for each in restored} == {
        **dict.fromkeys(ids, 0),
        "order_lines": 2,
        "employees": 2,
    }
    assert {table: client.get(ROWS.format(table)).json()["rows"] for table in ids} == before
    # The keys in memory are those of the table again.
    assert client.post(LINES, json=[line("A-1", 2)]).status_code == 422
    assert client.post(LINES, json=[line("A-1", 80)]).status_code == 201


def test_a_file_of_another_tool_need_not_be_in_the_order_of_the_key(client: httpx.Client) -> None:
    taken = client.post("/v1/tables/order_lines/backups").json()
    rows = fastavro.reader(BytesIO(client.get(f"/v1/backups/{taken['backup_id']}/file").content))
    schema, found = rows.writer_schema, list(rows)

    def sent(rows: list[Any]) -> httpx.Response:
        file = BytesIO()
        fastavro.writer(file, schema, rows)
        return client.post(
            "/v1/tables/order_lines/backups",
            content=file.getvalue(),
            headers={"Content-Type": "application/avro"},
        )

    other = sent(found[::-1]).json()["backup_id"]
    restored = client.post("/v1/tables/order_lines/restore", json={"backup_id": other}).json()
    assert (restored["added"], restored["removed"], restored["changed"]) == (0, 0, 0)
    twice = sent([*found, found[0]])
    assert (twice.status_code, twice.json()["first_ids"]) == (422, ["A-1,1"])
    orphan = client.post("/v1/tables/shipments/backups").json()["backup_id"]
    client.delete("/v1/tables/shipments/rows/4")
    client.delete(f"{LINES}/B%252C2,1")
    refused = client.post("/v1/tables/shipments/restore", json={"backup_id": orphan})
    assert (refused.status_code, refused.json()["first_ids"]) == (409, [4])
    client.post("/v1/tables/order_lines/restore", json={"backup_id": other})
    client.post("/v1/tables/shipments/restore", json={"backup_id": orphan})


def seat(number: int, room: str | None, place: int | None) -> Any:
    return {"id": number, "room": room, "place": place}


def test_columns_besides_the_key_are_unique_together_at_every_door(client: httpx.Client) -> None:
    def taken(answer: httpx.Response) -> dict[int, str]:
        found = violations(answer)
        assert all(each == [("room,place", "unique", each[0][2])] for each in found.values())
        return {row: each[0][2] for row, each in found.items()}

    def seats() -> dict[int, tuple[str | None, int | None]]:
        rows = client.get(SEATS, params={"limit": 100}).json()["rows"]
        return {row["id"]: (row["room"], row["place"]) for row in rows}

    ignore, merge = ({"Prefer": f"resolution={each}-duplicates"} for each in ("ignore", "merge"))
    assert kept_out(client, "seats") == {(4, "room,place", "unique", "a,1")}
    assert seats() == {1: ("a", 1), 2: ("a", 2), 4: ("a", None), 5: (None, 1), 6: ("a", None)}
    rows = [seat(10, "a", 1), seat(11, "b", 1), seat(12, "b", 1), seat(13, "b", None)]
    assert taken(client.post(SEATS, json=rows)) == {0: "a,1", 2: "b,1"}
    assert taken(client.post(SEATS, json=rows[:2], headers=ignore)) == {0: "a,1"}
    # A place is free for the next request, as a value of one column is.
    rows = [seat(11, "c", 1), seat(13, "b", 1), seat(2, "a", 1)]
    assert taken(client.post(SEATS, json=rows, headers=merge)) == {1: "b,1", 2: "a,1"}
    assert taken(client.post(SEATS, json=rows, headers=merge)) == {2: "a,1"}
    assert taken(client.patch(f"{SEATS}/4", json={"place": 2})) == {0: "a,2"}
    assert client.patch(f"{SEATS}/2", json={"place": None}).status_code == 200
    assert client.patch(f"{SEATS}/4", json={"place": 2}).status_code == 200
    assert client.put(f"{SEATS}/14", json=seat(14, "a", 2)).status_code == 422
    # What was kept out goes in when its place is free, and once.
    answer = client.post(SEATS, json=[seat(20, "a", 1), seat(21, "a", 1)])
    assert taken(answer) == {0: "a,1", 1: "a,1"}
    backup = client.post("/v1/tables/seats/backups").json()["backup_id"]
    before = seats()
    assert client.delete(f"{SEATS}/1").status_code == 200
    load_id = answer.json()["load_id"]
    again = client.post("/v1/rejections/replay", params={"load_id": load_id}).json()
    assert (again["accepted"], again["rejected"]) == (1, 1)
    text = "id,room,place\n30,a,1\n31,d,1\n32,d,1\n33,d,\n34,d,\n"
    load = loaded(client, "seats", text)
    assert kept_out(client, "seats", load_id=load["load_id"]) == {
        (2, "room,place", "unique", "a,1"),
        (4, "room,place", "unique", "d,1"),
    }
    load = loaded(client, "seats", "id,room,place\n31,e,1\n32,d,1\n33,e,1\n", merge["Prefer"])
    assert (load["changed"], load["accepted"], load["rejected"]) == (1, 0, 2)
    assert client.post("/v1/tables/seats/restore", json={"backup_id": backup}).is_success
    assert seats() == before
    assert taken(client.post(SEATS, json=[seat(40, "a", 1), seat(41, "e", 1)])) == {0: "a,1"}


def test_what_is_erased_by_its_key_stays_out_of_every_door(client: httpx.Client) -> None:
    rows = [line("E,1", 1, "secret"), line("E,1", 2)]
    client.post("/v1/rows", json={"orders": [{"id": "E,1"}], "order_lines": rows})
    client.post(LINES, json=[line("E,1", 1, "twice")])  # a rejection with what was sent
    client.post("/v1/tables/shipments/rows", json=[{"id": 90, "order_id": "E,1", "line_no": 1}])
    client.post("/v1/tables/order_lines/backups")
    place = f"{LINES}/E%252C1,1/erase"
    assert client.post(place, json={"reason": "asked"}).status_code == 409
    erased = client.post(place, json={"reason": "asked", "cascade": True, "backups": True})
    found = {each["table"]: each["traces"] for each in erased.json()["rows"]}
    assert found.keys() == {"order_lines", "shipments"}
    assert (found["order_lines"]["rejections"], found["order_lines"]["lines"]) == (1, 0)
    assert [each["table"] for each in erased.json()["backups"] if each["rewritten_to"]] == [
        "order_lines"
    ]
    assert violations(client.post(LINES, json=rows)) == {
        0: [(KEY, "erased", None)],
        1: [(KEY, "unique", "E%2C1,2")],
    }
    load = loaded(client, "order_lines", 'order_id,line_no\n"E,1",1\n"E,1",3\n')
    assert (load["accepted"], load["rejected"]) == (1, 1)
    assert not [
        each
        for each in client.get("/v1/rejections", params={"table": "order_lines"}).text.split(",")
        if "secret" in each or "twice" in each
    ]
    client.post(EMPLOYEES, json=[employee(350, 351), employee(351, 350), employee(352, 351)])
    erased = client.post(
        f"{EMPLOYEES}/350/erase", json={"reason": "asked", "cascade": True}
    ).json()["rows"]
    assert sum(each["row"] for each in erased) == 3


def test_a_large_batch_is_judged_in_the_other_process_alike(client: httpx.Client) -> None:
    rows = [line("C/3%", number, "a" * 40) for number in range(1000, 1500)]
    rows += [line("C/3%", 1000), line("B,2", 1, "taken"), line("none", 1)]
    assert len(msgspec.json.encode(rows)) > 1 << 15
    answer = client.post(LINES, json=rows)
    assert answer.json()["accepted"] == 500
    assert violations(answer) == {
        500: [(KEY, "unique", "C/3%25,1000")],
        501: [(KEY, "unique", "B%2C2,1")],
        502: [("order_id", "relationships", "none")],
    }


def test_commands_take_the_key_as_it_is_shown(client: httpx.Client, project: Project) -> None:
    def gatehouse(*arguments: str) -> str:
        done = run(project.settings, *arguments, GATEHOUSE_URL=str(client.base_url))
        assert done.code == 0, done.err
        return done.out  # type: ignore[no-any-return]

    gatehouse("rows", "set", "order_lines", "B%2C2,1", "product=by command")
    gatehouse("rows", "set", "order_lines", "B%2C2,95", "product=made", "--whole")
    assert client.get(f"{LINES}/B%252C2,1").json()["product"] == "by command"
    assert client.get(f"{LINES}/B%252C2,95").json()["product"] == "made"
    assert "by command" in gatehouse("rows", "history", "order_lines", "B%2C2,1")
    gatehouse("rows", "delete", "order_lines", "B%2C2,95", "--yes")
    assert client.get(f"{LINES}/B%252C2,95").status_code == 404
    assert "order_lines\torder_id,line_no" in gatehouse("dictionary", "order_lines")


def test_the_books_add_up_and_data_tests_hold_in_the_end(client: httpx.Client) -> None:
    audit = client.get("/v1/audit").json()
    assert [each for each in audit["checks"] if not each["ok"]] == []
    build = ended(client, client.post("/v1/builds").json()["href"])
    assert build["status"] == "done", build


def test_the_dictionary_says_which_columns_count_together(client: httpx.Client) -> None:
    table = client.get("/v1/tables/order_lines").json()
    assert (table["primary_key"], table["key"]) == (KEY, ["order_id", "line_no"])
    assert table["rules"] == [{"rule": "unique", "columns": ["order_id", "line_no"]}]
    assert {"table": "shipments", "column": KEY, "field": KEY} in table["referenced_by"]
    asked = {"format": "odcs"}
    text = client.get("/v1/tables/order_lines/schema", params=asked).text
    assert "primaryKeyPosition: 2" in text
    text = client.get("/v1/tables/shipments/schema", params=asked).text
    assert "shipments.line_no" in text
    assert "order_lines.line_no" in text
    document = client.get("/schema").json()
    (key,) = [
        each
        for each in document["paths"]["/v1/tables/order_lines/rows/{row_id}"]["get"]["parameters"]
        if each["in"] == "path"
    ]
    assert "A%252CB,7" in key["description"]


def test_pages_lead_to_rows_by_all_columns_of_their_keys(client: httpx.Client) -> None:
    def page(path: str, **asked: str) -> str:
        with client_of(client.base_url) as browser:  # pages are not in the document
            answer = browser.get(path, params=asked, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        return answer.text

    assert "/tables/order_lines/rows/C%2F3%2525%2C1" in page("/tables/order_lines/rows")
    assert "/tables/tags/rows/A-1%2C2021-07-27" in page("/tables/tags/rows")
    row = page("/tables/order_lines/rows/C%2F3%2525%2C1", _history="true", _edit="true")
    assert row.count("A row keeps it.") == 2
    assert "/tables/order_lines/rows/A-1%2C1" in page("/tables/shipments/rows/1")
    assert "order_id, line_no" in page("/dictionary/order_lines")
