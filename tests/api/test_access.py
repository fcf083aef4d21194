"""Keys: who is let in, to what, and how keys are made, listed and revoked by HTTP."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.access import keys_file
from service.access.roles import ROLES
from tests.support.answers import is_problem
from tests.support.contract import operations

# Per call, the smallest role; all that are not here take a reader.
WRITER = {"insert_rows", "insert_rows_of_many_tables", "load_file", "replay_rejection"}
WRITER |= {"replay_rejections", "cancel_load", "show_insert_page"}
OPERATOR = {
    "show_restore_page", "show_restore_set_page", "show_trail_page", "show_keys_page",
    "back_up_table", "back_up_all_tables", "verify_backup", "delete_backup", "restore_table",
    "restore_set", "build", "cancel_build", "copy_warehouse", "delete_copy", "dismiss_rejection",
    "ship_to_lake", "verify_lake", "list_keys", "show_key", "show_copy", "create_key",
    "revoke_key", "list_trail",
    "list_differences", "list_hooks", "list_deliveries", "show_delivery", "test_hook", "redeliver",
    "show_hooks_page", "show_hook_page",
    "put_row", "patch_row", "delete_row", "erase_row", "allow_erased_row",
}  # fmt: skip
ROWS, ROW = "/v1/tables/jobs/rows", {"id": 9001, "job": "x"}
OF_DICTIONARY = [
    "/v1/tables", "/v1/tables/jobs", "/v1/tables/jobs/schema", "/v1/dictionary", "/dictionary/",
    "/dictionary/jobs", "/schema",
]  # fmt: skip
OPEN = {"is_live", "is_ready", "show_index", "show_login_page", "read_static_file"}


@pytest.fixture
def keys(settings):
    """A key of each role."""
    names = reversed(ROLES)  # an operator's first
    return {
        role: keys_file.create(settings.keys_file, f"the-{role}", role, None, None)[1]
        for role in names
    }


def by(key):
    return {"Authorization": f"Bearer {key}"}


def needed(operation):
    name = next(
        (name for name in (*OPEN, *OPERATOR, *WRITER) if operation["operationId"].startswith(name)),
        None,
    )
    if name in OPEN:
        return None
    return "operator" if name in OPERATOR else "writer" if name in WRITER else "reader"


def test_every_call_takes_the_role_that_the_document_says(settings, keys, client):
    schema = client.get("/schema", headers=by(keys["reader"])).json()
    seen = set()
    for path, method, operation in operations(schema):
        role = needed(operation)
        seen.add(role)
        if role is None:
            assert operation["security"] == []
        else:
            assert operation["security"] == [{"bearer": []}, {"key": []}]
            assert f"`{role}`" in operation["description"]
        _asked_by_each(client, keys, method, path, role)
    assert seen == {None, *ROLES}


def _asked_by_each(client, keys, method, path, role):
    """Ids, bodies and parameters are of no use: who may not is told before they are looked at."""
    url = path.replace("{ending}", "csv").replace("{", "").replace("}", "") + "?unknown=1"
    content, kind = (None, {}) if method == "get" else (b"?", {"Content-Type": "text/none"})

    def status(key=None):
        headers = {**kind, **(by(key) if key else {})}
        return client.request(method, url, content=content, headers=headers).status_code

    if role is None:
        assert status() not in (401, 403)
        return
    assert status() == 401, (method, path)
    for each in ROLES:
        allowed = ROLES.index(each) >= ROLES.index(role)
        assert (status(keys[each]) != 403) == allowed, (method, path, each)


def test_a_small_role_changes_nothing_and_is_told_which_it_takes(keys, client):
    answer = client.post(ROWS, json=ROW, headers=by(keys["reader"]))
    assert is_problem(answer, 403, "forbidden")
    assert (answer.json()["needs"], answer.json()["role"]) == ("writer", "reader")
    assert client.get("/v1/tables/jobs/rows/9001", headers=by(keys["reader"])).status_code == 404


def test_without_a_key_one_is_told_how_to_bring_one(keys, client):
    answer = client.get("/v1/tables")
    assert is_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="gatehouse"'


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \xff".encode("latin-1")},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
    ],
)
def test_a_wrong_key_is_told_as_such(keys, client, headers):
    answer = client.get("/v1/tables", headers=headers)
    assert is_problem(answer, 401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_other_ways_to_authorize_are_no_key(keys, client):
    answer = client.get("/v1/tables", headers={"Authorization": "Basic eDp5"})
    assert is_problem(answer, 401, "unauthorized")


def test_a_key_comes_in_either_header_and_two_must_be_the_same(keys, client):
    reader = keys["reader"]
    assert client.get("/v1/tables", headers={"X-API-Key": reader}).status_code == 200
    assert (
        client.get("/v1/tables", headers={"Authorization": f"bearer  {reader}"}).status_code == 200
    )
    both = {"X-API-Key": reader, **by(reader)}
    assert client.get("/v1/tables", headers=both).status_code == 200
    both["X-API-Key"] = keys["writer"]
    assert is_problem(client.get("/v1/tables", headers=both), 400, "bad-request")


def test_a_key_that_has_expired_is_of_no_use(settings, keys, client):
    soon = datetime.now(UTC) + timedelta(days=1)
    _, secret = keys_file.create(settings.keys_file, "guest", "reader", soon, None)
    assert client.get("/v1/tables", headers=by(secret)).status_code == 200
    # The clock cannot be turned; the file can.
    content = msgspec.json.decode(settings.keys_file.read_bytes())
    content["keys"][-1]["expires_at"] = "2026-01-01T00:00:00Z"
    settings.keys_file.write_bytes(msgspec.json.encode(content))
    answer = client.get("/v1/tables", headers=by(secret))
    assert is_problem(answer, 401, "unauthorized")
    assert "expired" in answer.json()["detail"]


def test_keys_are_made_listed_and_revoked(keys, client, contract):
    client.headers.update(by(keys["operator"]))
    client.event_hooks["response"].append(contract.check)
    made = client.post("/v1/keys", json={"name": "app", "role": "writer"})
    assert made.status_code == 201
    secret = made.json()["key"]
    listed = {key["name"]: key for key in client.get("/v1/keys").json()["keys"]}
    assert set(listed) == {"the-operator", "the-writer", "the-reader", "app"}
    assert (listed["app"]["role"], listed["app"]["created_by"]) == ("writer", "the-operator")
    assert secret not in client.get("/v1/keys").text
    inserted = client.post(ROWS, json=ROW, headers=by(secret))
    assert inserted.status_code == 201
    assert client.delete("/v1/keys/app").status_code == 204
    assert is_problem(client.get("/v1/tables", headers=by(secret)), 401, "unauthorized")
    assert client.delete("/v1/keys/app").status_code == 204
    assert is_problem(client.delete("/v1/keys/nobody"), 404, "not-found")
    assert is_problem(
        client.post("/v1/keys", json={"name": "app", "role": "reader"}), 409, "conflict"
    )
    assert is_problem(client.delete("/v1/keys/the-operator"), 409, "last-operator")
    assert client.get("/v1/keys").status_code == 200
    assert client.delete("/v1/keys/the-operator?force=true").status_code == 204
    assert is_problem(client.get("/v1/keys"), 401, "unauthorized")


def test_a_repeated_request_for_a_key_makes_one_and_does_not_show_it_again(keys, client, settings):
    headers = {**by(keys["operator"]), "Idempotency-Key": "once"}
    first = client.post("/v1/keys", json={"name": "app", "role": "writer"}, headers=headers)
    second = client.post("/v1/keys", json={"name": "app", "role": "writer"}, headers=headers)
    assert first.json()["key"].startswith("gatehouse_")
    assert second.json() == {**first.json(), "key": None}
    assert len(keys_file.read(settings.keys_file)) == 4


def test_one_clients_answers_are_nothing_to_another(keys, client):
    once = {"Idempotency-Key": "1"}
    for role, status in (("writer", 201), ("operator", 422)):
        answer = client.post(ROWS, json=ROW, headers={**by(keys[role]), **once})
        assert answer.status_code == status  # the second one is no repeat: the id is there
        assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "a b", "role": "reader"}, {"name": "a", "role": "god"}, {"name": "a"}, [],
     {"name": "a", "role": "reader", "expires_at": "soon"},
     {"name": "a", "role": "reader", "more": 1}],
)  # fmt: skip
def test_what_is_no_request_for_a_key_makes_none(keys, client, settings, body):
    answer = client.post("/v1/keys", json=body, headers=by(keys["operator"]))
    assert is_problem(answer, 400, "malformed-body")
    assert len(keys_file.read(settings.keys_file)) == 3


def test_the_first_key_closes_the_doors(client):
    made = client.post("/v1/keys", json={"name": "boss", "role": "operator"})
    assert client.get("/v1/tables").status_code == 401
    assert client.get("/v1/tables", headers=by(made.json()["key"])).status_code == 200


def test_a_lost_file_of_keys_lets_no_one_in_but_tells_that_it_lives(keys, client, settings):
    headers = by(keys["operator"])
    assert client.get("/v1/tables", headers=headers).status_code == 200
    content = settings.keys_file.read_bytes()
    settings.keys_file.unlink()
    answer = client.get("/v1/tables", headers=headers)
    assert is_problem(answer, 503, "keys-unreadable")
    assert str(settings.keys_file.parent) not in answer.text
    assert client.get("/health/live").status_code == 200
    settings.keys_file.write_bytes(content)
    assert client.get("/v1/tables", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("setting", "paths"),
    [
        ("public_reports", ["/v1/reports", "/v1/reports/hires_by_quarter?year=2021"]),
        ("public_dictionary", OF_DICTIONARY),
        ("public_metrics", ["/metrics"]),
    ],
)
def test_what_is_made_public_is_read_without_a_key_and_nothing_else(
    settings, keys, serve, setting, paths
):
    with serve(msgspec.structs.replace(settings, **{setting: True})) as client:
        everything = ["/v1/reports", "/v1/tables", "/schema", "/metrics", "/v1/tables/jobs/rows"]
        everything += OF_DICTIONARY
        for path in paths:
            assert client.get(path).status_code == 200
        for path in {*everything} - {*paths}:
            assert client.get(path).status_code == 401
        assert client.post("/v1/tables/jobs/rows", json={"id": 1}).status_code == 401


def test_neither_keys_nor_wrong_ones_are_in_the_log(settings, keys, serve, capfd):
    with serve(settings) as client:
        client.get("/v1/tables", headers=by(keys["reader"]))
        client.get("/v1/tables", headers=by("gatehouse_wrong"))
        client.get("/v1/tables", headers={"X-API-Key": "gatehouse_other"})
        made = client.post(
            "/v1/keys", json={"name": "app", "role": "reader"}, headers=by(keys["operator"])
        )
    said = "".join(capfd.readouterr())
    for secret in (keys["reader"], keys["operator"], made.json()["key"], "gatehouse_"):
        assert secret not in said
