"""Neither keys nor what was sent are in the log, at any level, whatever goes wrong."""

import json
from typing import Any

import duckdb
import httpx
import pytest

from service.access import keys_file
from service.runtime.settings import Settings
from tests.support.answers import ended
from tests.support.processes import Service

pytestmark = pytest.mark.slow
PRIVATE = "Zacharias Private"  # in every body
JOBS = "/v1/tables/jobs"
CSV, JSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/json"}


@pytest.fixture
def odd(settings: Settings) -> Settings:
    """A warehouse with an index that the dictionary does not know: DuckDB names what breaks it."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create unique index odd on core.jobs (job)")
    return settings


@pytest.mark.parametrize("form", ["json", "console"])
def test_neither_keys_nor_bodies_are_in_the_log(odd: Settings, form: str, capfd: Any):
    _, secret = keys_file.create(odd.keys_file, "boss", "operator", None, None)
    more = {
        "GATEHOUSE_LOG_LEVEL": "debug",
        "GATEHOUSE_LOG_FORMAT": form,
        "GATEHOUSE_KEY": secret,  # as on the machine of who also asks
        "NO_COLOR": "1",
    }
    service = Service(odd, more=more)
    try:
        service.client.headers["Authorization"] = f"Bearer {secret}"
        _go_wrong(service.client)
        if form == "json":  # to load a file takes seconds
            _load(service.client)
        made = service.client.post("/v1/keys", json={"name": "app", "role": "reader"}).json()
        _try_other_keys(service.url, secret)
        assert service.stop() == 0
    finally:
        service.kill()
    said = capfd.readouterr().err
    assert "write_failed" in said  # and the load's end, and each request
    assert said.count("request") > 10
    for private in (secret, made["key"], "gatehouse_", PRIVATE, "Zacharias"):
        assert private not in said, [line for line in said.splitlines() if private in line]


def _go_wrong(client: httpx.Client) -> None:
    def insert(content: Any, **headers: str) -> int:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        answer = client.post(f"{JOBS}/rows", content=body, headers={**JSON, **headers})
        assert "Duplicate key" not in answer.text
        return answer.status_code

    rows = [{"id": number, "job": PRIVATE} for number in (9001, 9002)]
    assert insert(rows[:1], **{"Idempotency-Key": PRIVATE}) == 201
    assert insert(rows[1:]) == 503  # the index
    assert insert([{"id": PRIVATE, "job": None}]) == 422
    assert insert(b'[{"id": 1, "job": "%s"' % PRIVATE.encode()) == 400
    assert insert(b"\xff" + PRIVATE.encode()) == 400
    assert client.get(f"{JOBS}/rows", params={"after": PRIVATE}).status_code == 400
    avro = {"Content-Type": "application/avro"}
    assert client.post(f"{JOBS}/backups", content=PRIVATE, headers=avro).status_code == 422


def _load(client: httpx.Client) -> None:
    """A file whose load fails: by the index, again."""
    lines = f"id,job\n9003,{PRIVATE}\n{PRIVATE},x\n"
    href = client.post(f"{JOBS}/files", content=lines, headers=CSV).json()["href"]
    assert ended(client, href)["status"] == "failed"


def _try_other_keys(url: str, secret: str) -> None:
    for headers in (
        {"Authorization": f"Bearer gatehouse_{PRIVATE}"},
        {"X-API-Key": f"{secret}x"},
        {"Authorization": f"Basic {secret}"},
        {"Cookie": f"key={secret}"},
    ):
        answer = httpx.get(f"{url}/v1/tables?key={secret}", headers=headers)
        assert answer.status_code == 401
