"""Every request has an id, a line in the log and a place in the metrics, however it ends."""

import json

import pytest
from litestar import get
from litestar.testing import TestClient

from service.api.http.authentication import ANYONE
from service.app import all_routes, create_app
from tests.support.log_lines import logging_to_lines


@get("/v1/fails", sync_to_thread=False)
def fails() -> None:
    """Has a fault."""
    raise ValueError("a fault")


@pytest.fixture
def failing(settings):
    """An application with a route more, which no other has."""
    all_routes.cache_clear()
    app = create_app(settings, ANYONE)
    app.register(fails)
    yield app
    all_routes.cache_clear()


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("GET", "/v1/tables", 200, "/v1/tables"),
        ("GET", "/v1/nothing", 404, "unknown"),
        ("DELETE", "/v1/tables", 405, "unknown"),
        ("GET", "/v1/tables/nothing", 404, "/v1/tables/{table}"),
        ("GET", "/v1/fails", 500, "/v1/fails"),
    ],
)
def test_every_request_is_on_record(failing, method, path, status, route):
    with (
        TestClient(failing, raise_server_exceptions=False) as client,
        logging_to_lines(log_format="json") as logged,
    ):
        answer = client.request(method, path, headers={"X-Request-ID": "mine"})

        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "mine"
        lines = [json.loads(line) for line in logged.until('"request"')]
        assert {line["request_id"] for line in lines} == {"mine"}
        assert (lines[-1]["path"], lines[-1]["status"]) == (path, status)
        assert [line["event"] for line in lines[:-1]] == ["request_failed"] * (status == 500)
        labels = f'{{method="{method}",route="{route}",status="{status}"}} 1.0'
        assert f"gatehouse_request_seconds_count{labels}" in client.get("/metrics").text
