"""Where requests come from and which host they name, and what browsers are told."""

import httpx
import msgspec
import pytest
from litestar.testing import TestClient

from service.access import keys_file
from service.app import create_app
from tests.support.answers import is_problem

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


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_without_keys_what_a_proxy_passes_on_is_not_served(client, name):
    answer = client.get("/v1/tables", headers={name: "203.0.113.7"})
    assert is_problem(answer, 403, "forbidden")


def test_without_keys_no_other_machine_is_served(settings):
    with TestClient(create_app(settings)) as client:
        assert is_problem(client.get("/v1/tables", headers={"Host": "localhost"}), 403, "forbidden")


def test_without_keys_a_page_from_elsewhere_gets_nothing(client):
    here = str(client.base_url).rstrip("/")
    assert client.get("/v1/tables", headers={"Origin": here}).status_code == 200
    for origin in ("https://evil.example", "null", "http://localhost:1"):
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
