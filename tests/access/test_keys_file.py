"""The file with the keys: what is in it, and what cannot happen to it."""

import hashlib
import json
import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.access import keys_file
from service.access.keys_file import DamagedKeys
from service.errors import Conflict, NotFound, Unprocessable

FAR = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gatehouse.duckdb.keys"


def made(path, name="boss", role="operator", expires_at=None):
    return keys_file.create(path, name, role, expires_at, "local:someone")


def test_a_key_is_shown_once_and_only_its_digest_is_kept(path):
    key, secret = made(path)
    assert len(bytes.fromhex(secret.removeprefix("gatehouse_"))) == 32
    assert secret.removeprefix("gatehouse_") not in path.read_text()
    assert keys_file.read(path) == [key]
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_two_keys_are_alike(path):
    secrets = [made(path, f"key{n}")[1] for n in range(20)]
    assert len(set(secrets)) == 20


def test_without_a_file_there_is_no_key(path):
    assert keys_file.read(path) == []


def test_the_first_key_must_be_an_operators(path):
    with pytest.raises(Conflict):
        made(path, role="writer")
    assert not path.exists()
    made(path)
    assert made(path, "app", "writer")[0].role == "writer"


def test_a_name_is_taken_for_ever(path):
    made(path)
    assert keys_file.revoke(path, "boss", "other", force=True) is True
    with pytest.raises(Conflict):
        made(path)


@pytest.mark.parametrize("name", ["", ".", "-a", "a b", "a/b", "a\n", "ä", "x" * 65, "a\0", "'"])
def test_a_name_is_a_plain_word(path, name):
    with pytest.raises(Unprocessable):
        made(path, name)


def test_a_key_that_would_have_expired_already_is_not_made(path):
    with pytest.raises(Unprocessable):
        made(path, expires_at=datetime.now(UTC) - timedelta(seconds=1))


def test_a_revoked_key_stays_listed_with_who_revoked_it_first(path):
    made(path)
    assert keys_file.revoke(path, "boss", "first", force=True) is True
    assert keys_file.revoke(path, "boss", "second", force=True) is False
    (key,) = keys_file.read(path)
    assert key.revoked_by == "first"
    with pytest.raises(NotFound):
        keys_file.revoke(path, "nobody", "first")


CONTENT = {
    "name": "a",
    "role": "operator",
    "sha256": "0" * 64,
    "created_at": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"\xff",
        b"not json",
        json.dumps({"version": 2, "keys": []}).encode(),
        json.dumps({"version": 1, "keys": [CONTENT, CONTENT]}).encode(),
        json.dumps({"version": 1, "keys": [{**CONTENT, "role": "god"}]}).encode(),
        json.dumps({"version": 1, "keys": [{**CONTENT, "sha256": "0"}]}).encode(),
        json.dumps({"version": 1, "keys": [{**CONTENT, "more": 1}]}).encode(),
        json.dumps({"version": 1, "keys": [{**CONTENT, "expires_at": "soon"}]}).encode(),
        json.dumps({"version": 1, "keys": [CONTENT]}).encode()[:-1],
    ],
)
def test_a_damaged_file_is_neither_read_nor_changed(path, text):
    path.write_bytes(text)
    for attempt in (keys_file.read, made, lambda path: keys_file.revoke(path, "a", None)):
        with pytest.raises(DamagedKeys):
            attempt(path)
    assert path.read_bytes() == text


def test_what_a_killed_process_left_is_in_no_ones_way(path):
    path.with_name(path.name + ".tmp").write_text("half of a fi")
    made(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def _make_ten(path, number):
    for n in range(10):
        made(path, f"p{number}.{n}")


def test_processes_that_make_keys_at_the_same_time_lose_none(path):
    made(path)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_make_ten, args=(path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(keys_file.read(path)) == 31


@pytest.mark.parametrize(
    ("others", "is_last"),
    [
        ([], True),
        ([("app", "writer", None)], True),
        ([("other", "operator", None)], False),
        ([("other", "operator", "later")], False),
        ([("other", "operator", "over")], True),
        ([("other", "operator", "revoked")], True),
    ],
    ids=str,
)
def test_the_last_operators_key_is_revoked_only_if_that_is_meant(path, others, is_last):
    keys_file.create(path, "boss", "operator", None, None)
    for name, role, ends in others:
        keys_file.create(path, name, role, FAR if ends else None, None)
        if ends == "over":
            path.write_text(path.read_text().replace(f"{FAR.year}-", "2021-"))
        if ends == "revoked":
            keys_file.revoke(path, name, None)
    if not is_last:
        assert keys_file.revoke(path, "boss", None)
        return
    before = keys_file.read(path)
    with pytest.raises(keys_file.LastOperator, match="boss is the last operator's key"):
        keys_file.revoke(path, "boss", None)
    assert keys_file.read(path) == before
    assert keys_file.revoke(path, "boss", None, force=True)
    assert keys_file.revoke(path, "boss", None) is False  # once more changes nothing


def test_a_key_can_be_narrowed_to_tables_and_deeds(path):
    made(path)
    cases: Any = ((["jobs"], None), (None, ["insert"]), (["jobs", "jobs"], ["insert"]))
    for tables, only in cases:
        name = f"key{len(keys_file.read(path))}"
        key, _ = keys_file.create(path, name, "writer", None, None, tables=tables, only=only)
        assert key.is_narrowed
        assert keys_file.read(path)[-1] == key
    assert keys_file.read(path)[-1].tables == ("jobs",)


def test_the_file_of_keys_that_are_not_narrowed_is_that_of_before(path):
    made(path)
    made(path, "app", "writer")
    content = json.loads(path.read_bytes())
    assert not {"tables", "only"} & {name for key in content["keys"] for name in key}
    keys_file.create(path, "narrow", "writer", None, None, tables=["jobs"])
    narrowed = json.loads(path.read_bytes())
    assert narrowed["keys"][:2] == content["keys"]
    assert narrowed["keys"][2]["tables"] == ["jobs"]


@pytest.mark.parametrize(
    ("role", "tables", "only"),
    [
        ("reader", None, ["insert"]),
        ("writer", None, ["backup"]),
        ("writer", None, []),
        ("writer", [], None),
        ("writer", ["a b"], None),
        ("writer", ["a,b"], None),
        ("writer", None, ["everything"]),
    ],
)
def test_a_key_is_not_narrowed_to_nothing_or_to_what_its_role_may_not(path, role, tables, only):
    made(path)
    with pytest.raises(Unprocessable):
        keys_file.create(path, "app", role, None, None, tables=tables, only=only)


def test_a_narrowed_operator_is_no_operator_that_could_be_the_first_or_the_last(path):
    with pytest.raises(Conflict):
        keys_file.create(path, "narrow", "operator", None, None, tables=["jobs"])
    made(path)
    keys_file.create(path, "narrow", "operator", None, None, tables=["jobs"])
    with pytest.raises(keys_file.LastOperator):
        keys_file.revoke(path, "boss", None)
