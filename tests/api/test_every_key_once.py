"""Idempotency-Key, by every call that takes one: what means something else is another request."""

import shutil
from collections.abc import Iterator
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from tests.support.answers import is_problem
from tests.support.services import serving, settings_in

JOBS = "/v1/tables/jobs"
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}
AVRO = {"Content-Type": "application/avro"}
ROW = b'[{"id": 9001, "job": "a"}]'
ROW_OF_TABLE = b'{"jobs": [{"id": 9002, "job": "a"}]}'


class Service:
    """A service that the tests of this file share, and what they ask of it."""

    def __init__(self, client: httpx.Client, warehouse: str) -> None:
        self.client, self.warehouse = client, warehouse
        self.backup = client.post(f"{JOBS}/backups").json()["backup_id"]
        self.set = client.post("/v1/backups").json()["set_id"]
        self.avro = client.get(f"/v1/backups/{self.backup}/file").content
        found = client.get("/v1/rejections?limit=2").json()["rejections"]
        self.rejections = [each["rejection_id"] for each in found]

    def calls(self) -> dict[str, tuple[str, dict[str, str], bytes]]:
        """Path, headers and body of a request, for each operation and way to ask for it."""
        one, other = self.rejections
        corrected = msgspec.json.encode([{"rejection_id": other, "row": {"id": None}}])
        return {
            # First: those for which dbt runs keep it waiting.
            "copy_warehouse": ("/v1/copies", {}, b""),
            "insert_rows": (f"{JOBS}/rows", JSON, ROW),
            "insert_rows_of_tables": ("/v1/rows", JSON, ROW_OF_TABLE),
            # Not while a file is loaded into the table.
            "erase_row": (f"{JOBS}/rows/9001/erase", JSON, b'{"reason": "asked for it"}'),
            "load_file": (f"{JOBS}/files?null=NA", CSV, b"id,job\n9101,b\n"),
            "replay_rejection": (f"/v1/rejections/{one}/replay", JSON, b'{"id": null}'),
            "replay_rejections": ("/v1/rejections/replay", JSON, corrected),
            "replay_rejections of a table": ("/v1/rejections/replay?table=jobs", {}, b""),
            "dismiss_rejections": ("/v1/rejections/dismiss?table=departments", {}, b""),
            "back_up_table": (f"{JOBS}/backups", JSON, b'{"codec": "deflate"}'),
            "back_up_table by a file": (f"{JOBS}/backups", AVRO, self.avro),
            "back_up_all_tables": ("/v1/backups", JSON, b'{"codec": "deflate"}'),
            "restore_table": (f"{JOBS}/restore", JSON, self._json(backup_id=self.backup)),
            "restore_set": ("/v1/restore", JSON, self._json(set_id=self.set)),
            "put_row": (f"PUT {JOBS}/rows/9003", JSON, b'{"id": 9003, "job": "a"}'),
            "patch_row": (f"PATCH {JOBS}/rows/9003", JSON, b'{"job": "b"}'),
            "delete_row": (f"DELETE {JOBS}/rows/9003", {}, b""),
            "delete_rows": (f"DELETE {JOBS}/rows?id=eq.9003", {}, b""),
            "build": ("/v1/builds", {}, b""),
        }

    def _json(self, **said: Any) -> bytes:
        return msgspec.json.encode(said)

    def ask(self, call: tuple[str, dict[str, str], bytes], key: str, **more: str) -> httpx.Response:
        place, headers, body = call
        method, _, path = place.rpartition(" ")
        sent = {**headers, **more, "Idempotency-Key": key}
        return self.client.request(method or "POST", path, content=body, headers=sent)


@pytest.fixture(scope="module")
def service(built, tmp_path_factory) -> Iterator[Service]:
    own = settings_in(tmp_path_factory.mktemp("once"))
    shutil.copy(built.warehouse, own.warehouse)
    shutil.copytree(built.seeds, own.seeds)
    with serving(own) as client:
        yield Service(client, str(own.warehouse))


def test_every_call_that_takes_a_key_is_here(service):
    paths = service.client.get("/schema").json()["paths"]
    taking = {
        call["operationId"].removesuffix("_jobs")
        for path, methods in paths.items()
        for call in methods.values()
        if isinstance(call, dict) and "/departments" not in path and "hired_employees" not in path
        for parameter in call.get("parameters", ())
        if parameter.get("name", "").lower() == "idempotency-key"
    }
    # `create_key` closes the doors to those without one: tests/api/test_access.py has it.
    others = {"create_key", "test_hook", "redeliver"}  # those of hooks need hooks.yml
    assert taking == {name.split()[0] for name in service.calls()} | others


def others(call):
    """Requests of another meaning, and what they differ by."""
    path, headers, body = call
    sign = "&" if "?" in path else "?"
    yield "query", (f"{path}{sign}dry_run=false", headers, body)
    yield "preference", (path, {**headers, "Prefer": "handling=strict"}, body)
    if body:
        yield "type", (path, {**headers, "Content-Type": f"{headers['Content-Type']};x=1"}, body)
        yield "body", (path, headers, body + b" ")
    if "/jobs/" in path:
        yield "path", (path.replace("jobs", "departments"), headers, body)


def test_what_means_something_else_is_another_request(service):
    for name, call in service.calls().items():
        first = service.ask(call, name)
        assert first.status_code < 300 or name.startswith("replay"), (name, first.text)
        again = service.ask(call, name)
        assert (again.status_code, again.content) == (first.status_code, first.content), name
        assert again.headers["idempotency-replayed"] == "true", name
        for what, other in others(call):
            answer = service.ask(other, name)
            known = is_problem(answer, 422, "idempotency-key-reused")
            # What makes no sense of its own may be told before.
            assert known or answer.status_code == 400, (name, what, answer.text)
            assert "idempotency-replayed" not in answer.headers, (name, what)
        if name == "build":
            service.client.delete(first.json()["href"])  # it takes long


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ({"headers": {"Prefer": "handling=strict"}}, {"headers": {"Prefer": "handling=lenient"}}),
        ({"params": {"columns": "id,job"}}, {"params": {"columns": "job,id"}}),
        ({"params": {"header": "true"}}, {"params": {"header": "false"}}),
        ({"headers": {"Content-Encoding": "gzip"}}, {"headers": {"Content-Encoding": "zstd"}}),
        ({"params": {"a": "1", "b": "2"}}, None),
    ],
    ids=str,
)
def test_the_digest_has_what_matters_in_any_order(said, other):
    def asked(**more: Any) -> str:
        from litestar.testing import RequestFactory

        from service.api.http.idempotency import AS_SENT, asked_by

        sent = httpx.Request("POST", "http://localhost/v1/tables/jobs/files", **more)
        request = RequestFactory().post("/v1/tables/jobs/files")
        request.scope["query_string"] = sent.url.query
        request.scope["headers"] = [(name.lower(), value) for name, value in sent.headers.raw] + [
            (b"idempotency-key", b"k")
        ]
        found = asked_by(request, b"same", AS_SENT)
        assert found
        return found.request

    if other is None:
        assert asked(params={"a": "1", "b": "2"}) == asked(params={"b": "2", "a": "1"})
        assert asked(params={"a": "1&b=2"}) != asked(params={"a": "1", "b": "2"})
    else:
        assert asked(**said) == asked(**said)
        assert asked(**said) != asked(**other)
        assert asked(**said) != asked()


def test_a_dry_run_of_a_file_does_not_swallow_its_load(service):
    path, content = f"{JOBS}/files", b"id,job\n9201,c\n"
    key = {**CSV, "Idempotency-Key": "first dry"}
    dry = service.client.post(f"{path}?dry_run=true", content=content, headers=key)
    real = service.client.post(path, content=content, headers=key)
    assert dry.status_code == real.status_code == 202
    assert dry.json()["load_id"] != real.json()["load_id"]
    again = service.client.post(path, content=content, headers=key)
    assert again.json() == real.json()
    dry = service.client.post(f"{path}?dry_run=true", content=content, headers=key)
    assert dry.json()["load_id"] != real.json()["load_id"]


def test_a_restore_is_answered_again_though_its_backup_is_gone(service):
    backup_id = service.client.post(f"{JOBS}/backups").json()["backup_id"]
    call = (f"{JOBS}/restore", JSON, msgspec.json.encode({"backup_id": backup_id}))
    first = service.ask(call, "restored")
    assert first.status_code == 200, first.text
    service.client.delete(f"/v1/backups/{backup_id}")
    assert service.ask(call, "restored").content == first.content


def test_what_a_version_before_has_kept_is_answered_again(service):
    """Its digest was of path and body alone."""
    import hashlib

    call = (f"{JOBS}/rows", JSON, b'[{"id": 9301, "job": "d"}]')
    first = service.ask(call, "of before")
    digest = hashlib.sha256(call[0].encode() + b"\0" + call[2]).hexdigest()
    with duckdb.connect(service.warehouse) as connection:
        connection.execute(
            "update ops.idempotency_keys set request = ? where key = 'of before'", [digest]
        )
    assert service.ask(call, "of before").content == first.content
    other = (call[0], call[1], b'[{"id": 9302, "job": "d"}]')
    assert is_problem(service.ask(other, "of before"), 422, "idempotency-key-reused")
