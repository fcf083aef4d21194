"""Rows that are put, patched and removed: how each is answered, and what is left of it."""

from datetime import timedelta
from typing import Any

import duckdb
import httpx
import pytest

from service.ops.past_rows import forget_changes
from service.runtime.clock import utc_now
from tests.support.answers import is_problem

TABLE, HIRED = "departments", "hired_employees"
MERGE = {"content-type": "application/merge-patch+json"}


def path_of(key: Any, table: str = TABLE) -> str:
    return f"/v1/tables/{table}/rows/{key}"


@pytest.fixture
def row(door) -> dict[str, Any]:
    """A department of the test's own."""
    return made(door, TABLE, department="Own")


def made(door, table: str, **values: Any) -> dict[str, Any]:
    (key,) = door.fresh()
    row = {"id": key, **values}
    assert door.client.put(path_of(key, table), json=row).status_code == 201
    return row


def hired(door, **values: Any) -> dict[str, Any]:
    usual = {"name": "Ada", "datetime": "2021-12-10T09:00:00Z", "department_id": 1, "job_id": 1}
    return made(door, HIRED, **{**usual, **values})


def counts(answer: httpx.Response) -> dict[str, int]:
    """What is not 0 of the counts."""
    names = ("accepted", "changed", "removed", "already_present", "rejected")
    assert answer.json()["received"] == sum(answer.json().get(name, 0) for name in names)
    return {name: answer.json()[name] for name in names if answer.json().get(name)}


def shown(door, key: Any, table: str = TABLE) -> Any:
    answer = door.client.get(path_of(key, table))
    return answer.json() if answer.status_code == 200 else answer.status_code


# Each case: method, body, and what is answered to it when the row {"id": …, "department": "Own"} is
# there: status, counts, and the department that there is afterwards (404: none).
WAYS: list[tuple[str, Any, int, dict[str, int], Any]] = [
    ("PUT", {"department": "New"}, 200, {"changed": 1}, "New"),
    ("PUT", {"department": "Own"}, 200, {"already_present": 1}, "Own"),
    ("PUT", {"department": " "}, 422, {"rejected": 1}, "Own"),
    ("PUT", {}, 422, {"rejected": 1}, "Own"),
    ("PUT", {"department": "New", "boss": 1}, 422, {"rejected": 1}, "Own"),
    ("PATCH", {"department": "New"}, 200, {"changed": 1}, "New"),
    ("PATCH", {"department": "Own"}, 200, {"already_present": 1}, "Own"),
    ("PATCH", {}, 200, {"already_present": 1}, "Own"),
    ("PATCH", {"department": None}, 422, {"rejected": 1}, "Own"),
    ("PATCH", {"department": 7}, 422, {"rejected": 1}, "Own"),
    ("PATCH", {"boss": 1}, 422, {"rejected": 1}, "Own"),
    ("DELETE", None, 200, {"removed": 1}, 404),
]


@pytest.mark.parametrize("dry", [False, True], ids=["real", "dry"])
@pytest.mark.parametrize(("method", "body", "status", "counted", "left"), WAYS, ids=str)
def test_a_row_becomes_what_is_asked_or_stays(door, row, dry, method, body, status, counted, left):
    if method == "PUT":
        body = {"id": row["id"], **body}
    content = {} if body is None else {"json": body}
    query = {"dry_run": "true"} if dry else {}
    answer = door.client.request(method, path_of(row["id"]), params=query, **content)
    assert (answer.status_code, counts(answer)) == (status, counted), answer.text
    there = shown(door, row["id"])
    assert (there if there == 404 else there["department"]) == ("Own" if dry else left)
    load_id = answer.json()["load_id"]
    if dry:
        assert load_id is None
        return
    load = door.client.get(f"/v1/loads/{load_id}").json()
    assert (load["kind"], load["status"]) == ("change", "refused" if status == 422 else "done")
    assert {name: load[name] for name in counted} == counted
    noted = door.ask("select operation from ops.changes where load_id = ?", load_id)
    assert len(noted) == (not {"rejected", "already_present"} & counted.keys())


def test_a_row_that_is_not_there_is_made_by_put_alone(door):
    (key,) = door.fresh()
    for method, content in (("PATCH", {"json": {"department": "a"}}), ("DELETE", {})):
        assert is_problem(door.client.request(method, path_of(key), **content), 404, "not-found")
    dry = door.client.put(path_of(key), json={"id": key, "department": "a"}, params={"dry_run": 1})
    assert (dry.status_code, shown(door, key)) == (200, 404)
    answer = door.client.put(path_of(key), json={"id": key, "department": "a"})
    assert (answer.status_code, counts(answer)) == (201, {"accepted": 1})
    assert answer.json()["row"] == shown(door, key) == {"id": key, "department": "a"}
    assert answer.headers["location"] == path_of(key)
    # It is known from now on, and no more when it is gone.
    assert door.rows([{"id": key, "department": "b"}]).status_code == 422
    assert door.client.delete(path_of(key)).status_code == 200
    assert door.rows([{"id": key, "department": "b"}]).status_code == 201


def test_every_reason_is_named_by_the_row_that_it_becomes(door):
    row = hired(door)
    said = {"name": " ", "department_id": 99_999_999, "datetime": "2021-02-30T00:00:00Z"}
    answer = door.client.patch(path_of(row["id"], HIRED), json=said, headers=MERGE)
    assert is_problem(answer, 422, "rows-rejected")
    [rejected] = answer.json()["rejections"]
    assert [(each["column"], each["rule"]) for each in rejected["violations"]] == [
        ("name", "not_blank"), ("datetime", "type"), ("department_id", "relationships"),
    ]  # fmt: skip
    assert rejected["rejection_id"] is None  # there is nothing to try again
    assert shown(door, row["id"], HIRED) == row


def test_only_what_is_named_changes(door):
    row = hired(door, name='Zoë 🎉 "x"')
    answer = door.client.patch(path_of(row["id"], HIRED), json={"job_id": 2})
    assert answer.json()["row"] == {**row, "job_id": 2} == shown(door, row["id"], HIRED)


def test_the_same_field_twice_is_told_as_in_an_insert(door, row):
    twice = b'{"department": "a", "department": "b"}'
    for method, body in (
        ("PATCH", twice), ("PUT", b'{"id": %d, %b' % (row["id"], twice[1:])),
    ):  # fmt: skip
        answer = door.client.request(
            method, path_of(row["id"]), content=body, headers={"content-type": "application/json"}
        )
        assert is_problem(answer, 422, "rows-rejected"), answer.text
        assert shown(door, row["id"]) == row


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_primary_key_does_not_change(door, row, method):
    other = {**row, "id": row["id"] + 500_000}
    answer = door.client.request(method, path_of(row["id"]), json=other)
    assert is_problem(answer, 422, "key-changes")
    assert (shown(door, row["id"]), shown(door, other["id"])) == (row, 404)


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("PUT", "text/csv", b"id,department\n1,a\n", 415),
        ("PUT", "application/merge-patch+json", b"{}", 415),
        ("PATCH", "text/plain", b"{}", 415),
        ("PUT", "application/json", b"[]", 400),
        ("PUT", "application/json", b'{"id": 1', 400),
        ("PATCH", "application/json", b"[]", 400),
        ("PATCH", "application/merge-patch+json", b"null", 400),
        ("PATCH", "application/json", b"", 400),
    ],
)
def test_what_is_no_row_and_no_patch_is_refused(door, row, method, kind, body, status):
    answer = door.client.request(
        method, path_of(row["id"]), content=body, headers={"content-type": kind}
    )
    assert answer.status_code == status, answer.text
    assert shown(door, row["id"]) == row


@pytest.mark.parametrize("key", ["x", "1.5", "99999999999999999999", "%20", "1e3"])
def test_a_key_that_no_row_can_have_is_not_found(door, key):
    for method in ("PUT", "PATCH", "DELETE"):
        answer = door.client.request(method, path_of(key), json={"id": 1, "department": "a"})
        assert is_problem(answer, 404, "not-found"), (method, answer.text)
    assert door.client.get(f"{path_of(key)}/history").status_code == 404


def test_a_row_that_others_refer_to_stays(door, row):
    children = [hired(door, department_id=row["id"])["id"] for _ in range(2)]
    for answer in (
        door.client.delete(path_of(row["id"])),
        door.client.delete(path_of(row["id"]), params={"dry_run": "true"}),
        door.client.delete(f"/v1/tables/{TABLE}/rows", params={"id": f"eq.{row['id']}"}),
    ):
        assert is_problem(answer, 409, "dangling-references")
        said = answer.json()
        assert (said["table"], said["column"], said["count"]) == (HIRED, "department_id", 2)
        assert (said["parent"], said["first_ids"]) == (TABLE, children)
    assert shown(door, row["id"]) == row
    for key in children:
        assert door.client.delete(path_of(key, HIRED)).status_code == 200
    assert door.client.delete(path_of(row["id"])).status_code == 200
    orphan = {"name": "a", "datetime": "2021-12-10T09:00:00Z", "job_id": 1}
    orphan |= {"id": children[0], "department_id": row["id"]}
    answer = door.client.put(path_of(children[0], HIRED), json=orphan)
    assert answer.json()["rejections"][0]["violations"][0]["rule"] == "relationships"


def tag_of(door, key: Any, **headers: str) -> str:
    return str(door.client.get(path_of(key), headers=headers).headers["etag"])


def test_if_match_is_compared_strongly_with_any_form_of_the_row(door, row):
    tags = [tag_of(door, row["id"], accept=accept) for accept in ("*/*", "text/csv")]
    assert len({*tags}) == 2
    assert not any(tag.startswith("W/") for tag in tags)
    wrong = ['"x"', f"W/{tags[0]}", f'W/{tags[1]}, "x"', tags[0].strip('"')]
    right = [*tags, f'"x", {tags[0]}', "*", tags[0].replace('json"', 'json+gzip"')]
    for tag in wrong:
        for method in ("PUT", "PATCH", "DELETE"):
            answer = door.client.request(
                method, path_of(row["id"]), json=row, headers={"if-match": tag}
            )
            assert is_problem(answer, 412, "precondition-failed"), (method, tag)
    for tag in right:
        answer = door.client.patch(path_of(row["id"]), json={}, headers={"if-match": tag})
        assert answer.status_code == 200, tag
    changed = door.client.patch(
        path_of(row["id"]), json={"department": "New"}, headers={"if-match": tags[0]}
    )
    assert changed.headers["etag"] == tag_of(door, row["id"]) != tags[0]
    again = door.client.delete(path_of(row["id"]), headers={"if-match": tags[0]})
    assert is_problem(again, 412, "precondition-failed")
    answer = door.client.delete(path_of(row["id"]), headers={"if-match": changed.headers["etag"]})
    assert answer.status_code == 200
    # Where there is no row: made by no one who wants one; and a 404 is a 404.
    made_by = door.client.put(path_of(row["id"]), json=row, headers={"if-match": "*"})
    assert is_problem(made_by, 412, "precondition-failed")
    gone = door.client.delete(path_of(row["id"]), headers={"if-match": "*"})
    assert is_problem(gone, 404, "not-found")


def test_if_none_match_makes_a_row_that_is_not_there_and_leaves_others(door, row):
    (key,) = door.fresh()
    new = {"id": key, "department": "a"}
    only_new = {"if-none-match": "*"}
    assert door.client.put(path_of(key), json=new, headers=only_new).status_code == 201
    again = door.client.put(path_of(key), json=new, headers=only_new)
    assert is_problem(again, 412, "precondition-failed")
    for tag, status in ((f"W/{tag_of(door, key)}", 412), ('"x"', 200)):
        answer = door.client.patch(path_of(key), json={}, headers={"if-none-match": tag})
        assert answer.status_code == status


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_row_that_is_compressed_has_a_tag_that_counts(door, coding):
    (key,) = door.fresh()
    made = door.client.put(path_of(key), json={"id": key, "department": "🎉" * 255})
    packed = {"accept-encoding": coding}
    answer = door.client.get(path_of(key), headers=packed)
    tag = answer.headers["etag"]
    assert answer.headers["content-encoding"] == coding
    assert tag == made.headers["etag"].removesuffix('"') + f'+{coding}"'
    same = door.client.get(path_of(key), headers={**packed, "if-none-match": tag})
    assert same.status_code == 304
    held = door.client.patch(path_of(key), json={"department": "b"}, headers={"if-match": tag})
    assert held.status_code == 200


def test_a_put_that_is_kept_otherwise_than_it_was_sent_has_no_tag(door):
    row = hired(door)
    sent = {**row, "datetime": "2021-12-10T09:00:00.000000Z"}
    answer = door.client.put(path_of(row["id"], HIRED), json=sent)
    assert answer.json()["row"]["datetime"] == "2021-12-10T09:00:00Z"
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    ("query", "prefer", "status", "gone"),
    [
        ("department=eq.{0}", "", 200, 3),
        ("department=eq.{0}&id=gt.0", "max-affected=3", 200, 3),
        ("department=eq.{0}", "handling=strict, max-affected=2", 422, 0),
        ("department=eq.{0}", "max-affected=0", 422, 0),
        ("department=eq.{0}", "max-affected=-1", 400, 0),
        ("department=eq.nothing", "", 200, 0),
        ("", "", 400, 0),
        ("dry_run=true", "", 400, 0),
        ("limit=1", "", 400, 0),
        ("order=id&department=eq.{0}", "", 400, 0),
        ("deparment=eq.{0}", "", 400, 0),
        ("department={0}", "", 400, 0),
    ],
)
def test_all_rows_that_fit_go_or_none(door, query, prefer, status, gone):
    keys = door.fresh(3)
    name = f"Of {keys[0]}"
    assert door.rows([{"id": key, "department": name} for key in keys]).status_code == 201
    url = f"/v1/tables/{TABLE}/rows?{query.format(name)}"
    headers = {"prefer": prefer} if prefer else {}
    sign = "&" if "?" in url else "?"
    dry = door.client.delete(f"{url}{sign}dry_run=true", headers=headers)
    assert door.kept(keys) == keys
    answer = door.client.delete(url, headers=headers)
    assert answer.status_code == status, answer.text
    assert door.kept(keys) == ([] if gone else keys)
    if status == 200:
        said, planned = answer.json(), dry.json()
        assert planned == {**said, "load_id": None}
        assert (said["removed"], said["first"]) == (gone, keys[:gone])
        assert (said["load_id"] is None) == (gone == 0)
        assert door.ask("select * from ops.loads where kind = 'change' and received = 0") == []
        noted = door.ask("select row_key from ops.changes where load_id = ?", said["load_id"])
        assert sorted(noted) == sorted((str(key),) for key in keys[:gone])
        if "max-affected" in prefer:
            assert answer.headers["preference-applied"] == "max-affected=3"
    if gone:  # their ids are free again
        assert door.rows([{"id": key, "department": name} for key in keys]).status_code == 201


def test_each_step_of_a_row_is_in_its_history(door):
    (key,) = door.fresh()
    backup = door.client.post(f"/v1/tables/{TABLE}/backups").json()["backup_id"]
    one, two = ({"id": key, "department": name} for name in ("one", "two"))
    door.rows([one])
    door.client.patch(path_of(key), json={"department": "two"})
    door.client.patch(path_of(key), json={"department": "two"})  # no change
    kept = door.client.post(f"/v1/tables/{TABLE}/backups").json()["backup_id"]
    door.client.delete(path_of(key))
    for each in (kept, backup):
        asked = {"backup_id": each}
        assert door.client.post(f"/v1/tables/{TABLE}/restore", json=asked).status_code == 200
    door.client.put(path_of(key), json=one)
    history = door.client.get(f"{path_of(key)}/history").json()
    assert (history["table"], history["key"], history["exists"]) == (TABLE, key, True)
    said = [(c["kind"], c["operation"], c["before"], c["after"]) for c in history["changes"]]
    assert said == [
        ("change", "insert", None, one),
        ("restore", "delete", two, None),
        ("restore", "insert", None, two),
        ("change", "delete", two, None),
        ("change", "update", one, two),
    ]
    pages, after = [], None
    while True:
        query = {"limit": 2, **({"after": after} if after else {})}
        page = door.client.get(f"{path_of(key)}/history", params=query).json()
        pages += page["changes"]
        if (after := page["next"]) is None:
            break
    assert pages == history["changes"]
    csv = door.client.get(f"{path_of(key)}/history", headers={"accept": "text/csv"}).text
    assert len(csv.splitlines()) == 6


def test_a_row_without_changes_has_an_empty_history_and_none_is_not_found(door):
    assert door.client.get(f"{path_of(1)}/history").json()["changes"] == []
    assert is_problem(door.client.get(f"{path_of(98_765_432)}/history"), 404, "not-found")


def test_a_column_that_came_later_is_null_in_what_was(door, row):
    door.client.delete(path_of(row["id"]))
    with_less = '{"id": 1, "gone": "x"}'
    door.ask("update ops.changes set before = ? where row_key = ?", with_less, str(row["id"]))
    (first, _) = door.client.get(f"{path_of(row['id'])}/history").json()["changes"]
    assert first["before"] == {"id": 1, "gone": "x", "department": None}


def test_what_is_old_enough_is_forgotten(door, row):
    door.ask(
        "update ops.changes set changed_at = changed_at - interval 10 day where row_key = ?",
        str(row["id"]),
    )
    door.client.patch(path_of(row["id"]), json={"department": "New"})
    with duckdb.connect(str(door.settings.warehouse)) as connection:
        forget_changes(connection, utc_now() - timedelta(days=9))
    (left,) = door.client.get(f"{path_of(row['id'])}/history").json()["changes"]
    assert left["operation"] == "update"


def test_books_and_audit_add_up_after_all_of_it(door):
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]
