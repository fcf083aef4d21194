"""Keys that are narrowed to tables and deeds: what each of them may ask for, by every call."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from service.access import keys_file
from service.access.roles import ROLES
from service.api.http.scopes import SCOPES
from service.runtime.settings import Settings
from tests.support.answers import is_problem
from tests.support.contract import operations
from tests.support.services import serving, settings_in

OURS, OTHERS = "jobs", "departments"
TABLE = "/v1/tables/{table}"
# Per call that a narrowed key may make: path, query, and the deeds of which it needs one.
CALLS: dict[str, tuple[str, str, set[str]]] = {
    "show_table": (TABLE, "", {"read"}),
    "show_table_schema": (f"{TABLE}/schema", "", {"read"}),
    "list_rows": (f"{TABLE}/rows", "", {"read"}),
    "show_row": (f"{TABLE}/rows/1", "", {"read"}),
    "show_row_history": (f"{TABLE}/rows/1/history", "", {"read"}),
    "put_row": (f"{TABLE}/rows/1", "", {"change"}),
    "patch_row": (f"{TABLE}/rows/1", "", {"change"}),
    "delete_row": (f"{TABLE}/rows/1", "", {"change"}),
    "delete_rows": (f"{TABLE}/rows", "", {"change"}),
    "list_facets": (f"{TABLE}/facets", "", {"read"}),
    "list_backups_of_table": (f"{TABLE}/backups", "", {"read"}),
    "list_loads": ("/v1/loads", "&table={table}", {"read"}),
    "list_rejections": ("/v1/rejections", "&table={table}", {"read"}),
    "group_rejections": ("/v1/rejections/groups", "&table={table}", {"read"}),
    "summarize_rejections": ("/v1/rejections/summary", "&table={table}", {"read"}),
    "list_warnings": ("/v1/warnings", "&table={table}", {"read"}),
    "show_rejection": ("/v1/rejections/{rejection}", "", {"read"}),
    "show_backup": ("/v1/backups/{backup}", "", {"read"}),
    "read_backup_file": ("/v1/backups/{backup}/file", "", {"read"}),
    "insert_rows": (f"{TABLE}/rows", "", {"insert"}),
    "load_file": (f"{TABLE}/files", "", {"insert"}),
    "show_load": ("/v1/loads/{load}", "", {"read", "insert", "replay"}),
    "cancel_load": ("/v1/loads/{load}", "", {"insert", "replay"}),
    "replay_rejection": ("/v1/rejections/{rejection}/replay", "", {"replay"}),
    "dismiss_rejection": ("/v1/rejections/{rejection}", "", {"dismiss"}),
    "dismiss_rejections": ("/v1/rejections/dismiss", "&table={table}", {"dismiss"}),
    "back_up_table": (f"{TABLE}/backups", "", {"backup"}),
    "verify_backup": ("/v1/backups/{backup}/verify", "", {"backup"}),
    "delete_backup": ("/v1/backups/{backup}", "", {"backup"}),
    "restore_table": (f"{TABLE}/restore", "", {"restore"}),
}
# And those that are looked at by themselves, below.
OTHERWISE = {
    "show_index", "read_schema", "insert_rows_of_tables", "replay_rejections", "list_references",
    "show_report",
}  # fmt: skip
KEYS: dict[str, tuple[Any, Any, Any]] = {
    "operator-inserts": ("operator", None, ["insert", "replay"]),
    "merges": ("operator", [OURS], ["insert", "replay", "change"]),
    "reads": ("reader", [OURS], None),
    "writes": ("writer", [OURS], None),
    "operates": ("operator", [OURS], None),
    "inserts": ("writer", None, ["insert"]),
    "replays": ("operator", [OURS], ["replay", "dismiss"]),
    "changes": ("operator", [OURS], ["change"]),
    "backs-up": ("operator", [OURS], ["backup", "restore"]),
}


@dataclass
class World:
    """A service with keys of every sort, and things of two tables."""

    client: httpx.Client
    keys: dict[str, str]
    things: dict[str, dict[str, str]]  # by table
    roles: dict[str, str]  # that calls need, by operation id
    methods: dict[str, tuple[str, str]]  # and their methods and paths

    def ask(self, key: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[key]}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)


def thing_of(client: httpx.Client, table: str) -> dict[str, str]:
    sent = client.post(f"/v1/tables/{table}/rows", json=[{"id": -1}]).json()
    backup = client.post(f"/v1/tables/{table}/backups").json()["backup_id"]
    rejection = sent["rejections"][0]["rejection_id"]
    return {"table": table, "load": sent["load_id"], "rejection": rejection, "backup": backup}


@pytest.fixture(scope="module")
def world(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = settings_in(tmp_path_factory.mktemp("narrowed"))
    settings.warehouse.write_bytes(built.warehouse.read_bytes())
    _, boss = keys_file.create(settings.keys_file, "boss", "operator", None, None)
    made = {
        name: keys_file.create(
            settings.keys_file, name, role, None, None, tables=tables, only=only
        )[1]
        for name, (role, tables, only) in KEYS.items()
    }
    with serving(settings) as client:
        client.headers["Authorization"] = f"Bearer {boss}"
        things = {table: thing_of(client, table) for table in (OURS, OTHERS)}
        said = list(operations(client.get("/schema").json()))
        client.headers.pop("Authorization")
        roles = {
            each["operationId"]: next((r for r in ROLES if f"`{r}`" in each["description"]), "")
            for _, _, each in said
        }
        methods = {each["operationId"]: (method, path) for path, method, each in said}
        yield World(client, {**made, "boss": boss}, things, roles, methods)


def base_of(operation: str) -> str:
    """The operation as the code knows it: the document has one for each table, and each ending."""
    names = sorted((*CALLS, *OTHERWISE), key=len, reverse=True)
    return next((n for n in names if operation == n or operation.startswith(f"{n}_")), operation)


def method_of(world: World, call: str) -> str:
    return next(m for name, (m, _) in world.methods.items() if base_of(name) == call)


def role_of(world: World, call: str) -> str:
    return next(role for name, role in world.roles.items() if base_of(name) == call)


def test_each_call_that_narrowed_keys_may_make_has_its_case():
    assert CALLS.keys() | OTHERWISE == SCOPES.keys()


@pytest.mark.parametrize("key", KEYS)
def test_a_key_may_do_its_deeds_with_its_tables_and_nothing_else(world: World, key: str):
    """A parameter that there is not shows who is let in (400): nothing is done."""
    role, tables, only = KEYS[key]
    for call, (path, query, deeds) in CALLS.items():
        for table, things in world.things.items():
            needed = role_of(world, call)
            is_theirs = tables is None or table in tables
            is_theirs = is_theirs and (only is None or bool(deeds & set(only)))
            is_theirs = is_theirs and ROLES.index(role) >= ROLES.index(needed)
            url = f"{path}?unknown=1{query}".format(**things)
            answer = world.ask(key, method_of(world, call), url)
            assert answer.status_code == (400 if is_theirs else 403), (call, table, answer.text)


@pytest.mark.parametrize("key", KEYS)
def test_what_is_of_the_whole_is_refused(world: World, key: str):
    """Keys, the trail, builds, sets, copies, audits, lists of everything, hooks, pages …"""
    seen = 0
    for operation, (method, path) in world.methods.items():
        if base_of(operation) in CALLS.keys() | OTHERWISE or not world.roles[operation]:
            continue
        url = path.replace("{ending}", "csv").replace("{", "").replace("}", "")
        answer = world.ask(key, method, url)
        assert answer.status_code == 403, (operation, answer.text)
        seen += 1
    assert seen > 30


@pytest.mark.parametrize(
    "path", ["/v1/loads", "/v1/rejections", "/v1/rejections?table=jobs&table=departments",
             "/v1/rejections/summary", "/v1/rejections/groups?text=jobs"]
)  # fmt: skip
def test_a_list_names_its_table(world: World, path: str):
    assert is_problem(world.ask("operates", "GET", path), 403, "forbidden")


def test_a_request_of_several_tables_has_all_of_them_or_nothing(world: World):
    rows = {OURS: [{"id": 9501, "job": "a"}], OTHERS: [{"id": 9501, "department": "b"}]}
    for method, path in (("POST", "/v1/rows"), ("POST", "/v1/rows?dry_run=true")):
        assert world.ask("writes", method, path, json=rows).status_code == 403
    assert world.ask("writes", "POST", "/v1/rows", json={OTHERS: [{"id": 1}]}).status_code == 403
    assert world.ask("boss", "GET", f"/v1/tables/{OURS}/rows/9501").status_code == 404
    assert world.ask("writes", "POST", "/v1/rows", json={OURS: rows[OURS]}).status_code == 201
    both = world.ask("inserts", "POST", "/v1/rows", json={OTHERS: rows[OTHERS], OURS: [{"id": 0}]})
    shared = both.json()["load_id"]
    assert both.status_code == 207
    assert world.ask("reads", "GET", f"/v1/loads/{shared}").status_code == 403
    listed = world.ask("reads", "GET", f"/v1/loads?table={OURS}").json()["loads"]
    (found,) = [load for load in listed if load["load_id"] == shared]
    assert (found["table"], found["received"]) == (OURS, 1)  # and nothing of the other


def test_rejections_are_tried_again_where_all_are_of_its_tables(world: World):
    ours, others = (world.things[table]["rejection"] for table in (OURS, OTHERS))
    path = "/v1/rejections/replay"

    def status(key: str, *ids: str) -> int:
        body = [{"rejection_id": each, "row": {"id": None}} for each in ids]
        return world.ask(key, "POST", path, json=body).status_code

    assert (status("writes", ours), status("writes", ours, others)) == (200, 403)
    assert [status(key, ours) for key in ("reads", "inserts", "replays")] == [403, 403, 200]
    for query, expected in (("", 403), (f"&table={OTHERS}", 403), (f"&table={OURS}", 200)):
        answer = world.ask("writes", "POST", f"{path}?dry_run=true{query}")
        assert answer.status_code == expected, query


def test_a_report_takes_all_tables_that_it_is_made_of(world: World):
    name = "departments_above_mean"
    made = {}
    for tables in (["hired_employees"], ["hired_employees", "departments", "jobs"]):
        asked = {"name": f"r{len(tables)}", "role": "reader", "tables": tables}
        made[len(tables)] = world.ask("boss", "POST", "/v1/keys", json=asked).json()["key"]
    world.keys |= {"one": made[1], "all": made[3]}
    for path in (f"/v1/reports/{name}", f"/v1/reports/{name}.csv"):
        assert world.ask("one", "GET", path).status_code == 403
        assert world.ask("all", "GET", f"{path}?unknown=1").status_code == 400
    of_the_books = "/v1/reports/rejections_by_rule_and_day"  # of all tables
    assert world.ask("all", "GET", of_the_books).status_code == 403
    refers = "/v1/tables/hired_employees/rows/1/references"
    assert world.ask("one", "GET", refers).status_code == 403
    assert world.ask("all", "GET", refers).status_code != 403


def test_an_answer_that_is_kept_is_its_keys_alone(world: World):
    once = {"headers": {"Idempotency-Key": "the same"}}
    path, row = f"/v1/tables/{OTHERS}/rows", [{"id": 9601, "department": "kept"}]
    first = world.ask("boss", "POST", path, json=row, **once)
    assert first.status_code == 201
    assert world.ask("writes", "POST", path, json=row, **once).status_code == 403
    other = world.ask("inserts", "POST", path, json=row, **once)
    assert (other.status_code, "Idempotency-Replayed" in other.headers) == (422, False)


def test_no_page_is_shown_and_no_session_begun(world: World):
    own = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    for path in ("/", "/tables", f"/tables/{OURS}/rows", "/rejections", "/keys"):
        answer = world.ask("operates", "GET", path, headers=own)
        assert OTHERS not in answer.text, path
        assert answer.status_code in (303, 401, 403), path
    entered = world.client.post("/login", data={"key": world.keys["operates"]}, headers=own)
    assert entered.status_code == 403
    assert "set-cookie" not in entered.headers
    assert world.ask("operates", "GET", "/schema").status_code == 200


def test_it_is_shown_with_what_it_may_and_so_is_it_on_the_trail(world: World):
    asked = {"name": "shown", "role": "writer", "tables": [OURS], "only": ["insert"]}
    made = world.ask("boss", "POST", "/v1/keys", json=asked).json()
    assert (made["tables"], made["only"]) == ([OURS], ["insert"])
    shown = world.ask("boss", "GET", "/v1/keys/shown").json()
    assert (shown["tables"], shown["only"]) == ([OURS], ["insert"])
    trail = world.ask("boss", "GET", "/v1/trail?action=key.create&limit=1").json()["entries"][0]
    assert trail["detail"] == "writer of jobs, only insert"
    page = world.ask("boss", "GET", "/keys").text
    assert "only insert" in page
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"tables": ["nothing"]}, 404), ({"tables": []}, 422), ({"only": []}, 422),
        ({"only": ["restore"]}, 422), ({"only": ["all"]}, 400),
    ]  # fmt: skip
    for said, status in wrong:
        asked = {"name": "wrong", "role": "writer", **said}
        assert world.ask("boss", "POST", "/v1/keys", json=asked).status_code == status, said


@pytest.mark.parametrize("path", [f"/v1/tables/{OURS}/rows", f"/v1/tables/{OURS}/files"])
def test_rows_are_merged_by_keys_that_may_change_rows(world: World, path: str) -> None:
    """Those that insert, and may change none, go on without changing any."""
    content = b"id,job\n999,Merged\n"
    for key, status in (("writes", 403), ("operator-inserts", 403), ("merges", 0)):
        for resolution, expected in (("ignore", 0), ("merge", status)):
            headers = {"content-type": "text/csv", "prefer": f"resolution={resolution}-duplicates"}
            dry = {"dry_run": "true"}
            answer = world.ask(key, "POST", path, content=content, headers=headers, params=dry)
            assert answer.status_code == (expected or answer.status_code), (key, resolution)
            assert expected or answer.is_success, (key, resolution, answer.text)


def test_a_replay_changes_a_row_only_for_a_key_that_may(world: World) -> None:
    rows = f"/v1/tables/{OURS}/rows"
    world.ask("merges", "POST", rows, json=[{"id": 998, "job": "Before"}])
    merging = {"prefer": "resolution=merge-duplicates"}
    wrong = world.ask("merges", "POST", rows, json=[{"id": 998, "job": " "}], headers=merging)
    replay = f"/v1/rejections/{wrong.json()['rejections'][0]['rejection_id']}/replay"
    after = {"id": 998, "job": "After"}
    kept_out = world.ask("writes", "POST", replay, json=after)
    assert kept_out.status_code == 422
    assert [v["rule"] for v in kept_out.json()["rejections"][0]["violations"]] == ["unique"]
    assert world.ask("merges", "POST", replay, json=after).json()["changed"] == 1
