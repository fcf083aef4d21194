"""Where requests come from and which host they name, and what browsers are told."""

import httpx
import msgspec
import pytest
from litestar.testing import TestClient

from service.access import keys_file
from service.app import create_app
from tests.support.answers import is_problem
from tests.support.wire import request, wired

LINK = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
REBOUND = {"Host": "evil.example"}


@pytest.fixture
def key(settings):
    return keys_file.create(settings.keys_file, "boss", "operator", None, None)[1]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8000"])
def test_this_machine_is_known_by_its_names_and_numbers(client, host):
    assert client.get("/v1/tables", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.evil"])
def test_without_keys_no_other_name_leads_here(client, host):
    assert is_problem(client.get("/v1/tables", headers={"Host": host}), 421, "wrong-host")


def test_with_keys_any_name_will_do_unless_a_setting_says_which(settings, key, serve):
    authorized = {"Authorization": f"Bearer {key}"}
    with serve(settings) as client:
        assert client.get("/v1/tables", headers={**REBOUND, **authorized}).status_code == 200
    own = msgspec.structs.replace(settings, allowed_hosts=("data.example",))
    with serve(own) as client:
        named = {"Host": "DATA.example:443", **authorized}
        assert client.get("/v1/tables", headers=named).status_code == 200
        wrong = client.get("/v1/tables", headers={**REBOUND, **authorized})
        assert is_problem(wrong, 421, "wrong-host")


@pytest.mark.parametrize(
    "name",
    [
        *("Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"),
        *("X-Real-IP", "CF-Connecting-IP", "CF-Ray", "True-Client-IP", "X-Client-IP"),
        *("CDN-Loop", "X-Amzn-Trace-Id", "X-Envoy-Attempt-Count", "X-Original-URL"),
    ],
)
def test_without_keys_what_a_proxy_passes_on_is_not_served(client, name):
    answer = client.get("/v1/tables", headers={name: "203.0.113.7"})
    assert is_problem(answer, 403, "forbidden")


def test_without_keys_http_1_0_is_a_proxys(client):
    with wired(client) as wire:
        asked = request(path="/v1/tables").replace(b"HTTP/1.1", b"HTTP/1.0")
        assert wire.ask(asked).status == 403


def test_a_proxy_that_is_trusted_says_who_asks(settings, serve):
    for proxies, status in ((("127.0.0.1",), 200), (("10.0.0.1",), 403)):
        with serve(msgspec.structs.replace(settings, trusted_proxies=proxies)) as client:
            here = {"X-Forwarded-For": "127.0.0.1", "Via": "1.1 proxy"}
            assert client.get("/v1/tables", headers=here).status_code == status
            far = {"X-Forwarded-For": "203.0.113.7"}
            assert client.get("/v1/tables", headers=far).status_code == 403
            silent = client.get("/v1/tables", headers={"Via": "1.1 proxy"})
            assert silent.status_code == 403  # whose it is was not said


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:80@evil.example", "evil@localhost", "localhost, evil.example", "local host"),
        *("localhost/", "localhost:80:90", "[::1", "::1", "localhost:x", "localhost#", "l\u00f6l"),
        *("localhost:65536", "[127.0.0.1]", "[1.2]"),
    ],
)
def test_what_is_no_name_of_a_host_is_refused(client, host):
    with wired(client) as wire:
        assert wire.ask(request(path="/v1/tables", host=host)).status == 400


@pytest.mark.parametrize(
    "line", ["Host: localhost", "Origin: http://localhost", "X-API-Key: x", "Authorization: x"]
)
def test_what_is_said_once_is_not_said_twice(client, line):
    with wired(client) as wire:
        assert wire.ask(request("GET", "/v1/tables", b"", line, line)).status == 400
        assert wire.ask(b"GET /v1/tables HTTP/1.1\r\n\r\n").status == 400  # nor not at all


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Sec-Fetch-Site": "none"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("POST", LINK, 403),
        ("GET", LINK, 200),
    ],
)
def test_without_keys_a_browser_says_whose_page_asks(client, method, headers, status):
    path = "/v1/tables" if method == "GET" else "/v1/backups"
    assert client.request(method, path, headers=headers).status_code == status


def test_without_keys_no_other_machine_is_served(settings):
    with TestClient(create_app(settings)) as client:
        assert is_problem(client.get("/v1/tables", headers={"Host": "localhost"}), 403, "forbidden")


def test_without_keys_a_page_from_elsewhere_gets_nothing(client):
    here = str(client.base_url).rstrip("/")
    assert client.get("/v1/tables", headers={"Origin": here}).status_code == 200
    https = here.replace("http:", "https:")
    for origin in ("https://evil.example", "null", "http://localhost:1", https):
        for method in ("GET", "POST"):
            answer = client.request(method, "/v1/tables/jobs/rows", headers={"Origin": origin})
            assert is_problem(answer, 403, "forbidden")


def test_no_page_from_elsewhere_may_read_an_answer(client, key):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        httpx.options(f"{client.base_url}/v1/tables/jobs/rows", headers=headers),
        client.get("/v1/tables", headers={**headers, "Authorization": f"Bearer {key}"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path", ["/", "/v1/tables", "/v1/tables/nothing", "/nothing", "/health/ready", "/metrics"]
)
def test_every_answer_says_what_browsers_must_not_do(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


def test_a_refusal_says_it_too(client, key):
    answer = client.get("/v1/tables")
    assert answer.status_code == 401
    assert answer.headers["x-content-type-options"] == "nosniff"
