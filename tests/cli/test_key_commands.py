"""`gatehouse keys` and `gatehouse trail`."""

import json
import ssl
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import trustme

from service.runtime.running import hold


def create(command, name="boss", role="operator", *more, **environment):
    answer = command("keys", "create", name, "--role", role, *more, **environment)
    assert answer.code == 0, answer.err
    return answer.out.strip()


@pytest.mark.new_python
def test_a_key_is_printed_alone_so_that_a_variable_can_take_it(alone, settings):
    settings.warehouse.unlink()  # the first thing that one does
    answer = alone("keys", "create", "boss", "--role", "operator")
    assert answer.code == 0
    assert answer.out.startswith("gatehouse_")
    assert len(answer.lines) == 1
    assert answer.err == "the key of boss (operator) is shown this once; keep it safe\n"
    assert answer.out.strip() not in settings.keys_file.read_text()


def test_keys_are_listed_and_revoked(alone):
    create(alone)
    create(alone, "app", "writer", "--expires", "90d")
    assert alone("keys", "revoke", "app", "--yes").code == 0
    header, boss, app = (line.split("\t") for line in alone("keys", "list").lines)
    assert header[:4] == ["name", "role", "created at", "created by"]
    assert boss[:2] == ["boss", "operator"]
    assert boss[3].startswith("local:")
    assert app[:2] == ["app", "writer"]
    assert app[-1].startswith("local:")
    left = datetime.fromisoformat(app[4]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert "gatehouse_" not in alone("keys", "list", "--json").out
    refused = alone("keys", "revoke", "boss", "--yes")
    assert refused.code == 1
    assert "boss is the last operator's key" in refused.err
    assert "HINT: --force" in refused.err
    assert alone("keys", "revoke", "boss", "--force", "--yes").code == 0


def test_keys_are_given_up_on_the_machine_and_only_if_that_is_meant(alone, settings):
    create(alone)
    refused = alone("keys", "disable")
    assert refused.code == 2
    assert "`gatehouse keys disable` needs --yes" in refused.err
    assert settings.keys_file.exists()
    assert alone("keys", "disable", "--yes").code == 0
    assert not settings.keys_file.exists()
    assert alone("trail", "--action", "key.disable", "--json").json[0]["outcome"] == "done"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "app", "--role", "writer"], 1, "the first key must be an operator's"),
        (["create", "a b", "--role", "operator"], 1, "the name of a key has"),
        (["create", "boss", "--role", "god"], 2, "'god' is not one of"),
        (["create", "boss"], 2, "--role"),
        (["create", "boss", "--role", "operator", "--expires", "soon"], 2, "neither 90d nor"),
        (["create", "boss", "--role", "operator", "--expires", "2020-01-01"], 1, "expired"),
        (["revoke", "nobody", "--yes"], 1, "there is no key of this name"),
    ],
)
def test_what_cannot_be_done_is_told(alone, settings, arguments, code, said):
    answer = alone("keys", *arguments)
    assert answer.code == code
    assert said in answer.err
    assert not settings.keys_file.exists()


NOSUCH = ["keys", "create", "app", "--role", "writer", "--tables", "jobs, jbos"]


def test_a_key_of_a_table_that_there_is_not_is_refused_where_it_can_be_known(
    alone, asking, settings, client
):
    """By a service that is asked, by the one that runs here, and without any."""
    boss = create(alone)
    said = "there is no table 'jbos'; there are departments, jobs, hired_employees"
    with hold(settings, str(client.base_url)):
        for command, environment in (
            (asking, {"GATEHOUSE_KEY": boss}),
            (alone, {"GATEHOUSE_KEY": boss}),
        ):
            answer = command(*NOSUCH, **environment)
            assert (answer.code, said in answer.err) == (1, True), answer.err
        assert alone(*NOSUCH).code == 0  # without a key no one says which tables there are
    listed = alone("keys", "list", "--json").json
    assert [key["name"] for key in listed] == ["boss", "app"]


def test_a_key_of_a_table_that_there_is_not_is_refused_without_a_service(alone, settings):
    create(alone)
    answer = alone(*NOSUCH)
    assert (answer.code, "there is no table 'jbos'" in answer.err) == (1, True), answer.err
    settings.warehouse.unlink()  # so that it cannot be known
    assert alone(*NOSUCH).code == 0


def test_a_damaged_file_is_told_with_a_way_out(alone, settings):
    settings.keys_file.write_text("{")
    for arguments in (["keys", "list"], ["keys", "create", "a", "--role", "operator"]):
        answer = alone(*arguments)
        assert answer.code == 1
        assert f"{settings.keys_file} is damaged" in answer.err
        assert "HINT: put it back from a copy" in answer.err
    assert alone("serve").code == 3


def test_commands_bring_the_key_that_is_set(asking, alone):
    secret = create(alone)
    assert asking("tables").code == 1
    assert "HINT: set GATEHOUSE_KEY to a key of this service" in asking("tables").err
    assert asking("tables", GATEHOUSE_KEY=secret).code == 0
    made = create(asking, "app", "reader", "--json", GATEHOUSE_KEY=secret)
    reader = json.loads(made)["key"]
    refused = asking("backup", GATEHOUSE_KEY=reader)
    assert refused.code == 1
    assert "HINT: set GATEHOUSE_KEY to a key that may do this" in refused.err
    listed = asking("keys", "list", "--json", GATEHOUSE_KEY=secret).json
    assert [key["created_by"] for key in listed][1] == "boss"
    assert asking("keys", "revoke", "app", "--yes", GATEHOUSE_KEY=secret).code == 0
    assert asking("tables", GATEHOUSE_KEY=reader).code == 1


def test_on_the_machine_itself_a_lost_key_is_replaced_while_the_service_runs(alone, client):
    create(alone)
    fresh = create(alone, "boss2")
    assert client.get("/v1/tables").status_code == 401
    headers = {"Authorization": f"Bearer {fresh}"}
    assert client.get("/v1/tables", headers=headers).status_code == 200


def test_the_trail_says_who_did_what(alone, asking, settings):
    secret = create(alone)
    assert asking("backup", "jobs", GATEHOUSE_KEY=secret).code == 0
    answer = asking("trail", "--since", "1d", "--action", "backup", GATEHOUSE_KEY=secret)
    header, entry = (line.split("\t") for line in answer.lines)
    assert header == ["happened at", "actor", "action", "subject", "outcome", "detail"]
    assert entry[1:3] == ["boss", "backup.create"]


@pytest.mark.new_python
def test_what_is_done_without_a_service_is_on_the_trail_too(alone):
    assert alone("backup", "jobs").code == 0
    (entry,) = alone("trail", "--action", "backup.create", "--json").json
    assert entry["actor"].startswith("local:")


def test_with_a_key_other_addresses_are_served(alone, started):
    secret = create(alone)
    service = started("--host", "0.0.0.0")
    assert httpx.get(f"{service.url}/v1/tables").status_code == 401
    headers = {"X-API-Key": secret}
    assert httpx.get(f"{service.url}/v1/tables", headers=headers).status_code == 200


def test_where_keys_are_required_it_does_not_start_without_one(alone):
    answer = alone("serve", GATEHOUSE_REQUIRE_KEYS="true")
    assert answer.code == 2
    assert "there is no key" in answer.err
    assert "gatehouse keys create" in answer.err


@pytest.fixture
def certificate(tmp_path):
    """The settings of a certificate for another name, and its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("data.example", "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return {"GATEHOUSE_TLS_CERTIFICATE": str(chain), "GATEHOUSE_TLS_KEY": str(key)}


def test_it_serves_https_and_commands_on_the_machine_know_it(alone, started, certificate, tmp_path):
    service = started(**certificate)
    assert service.url.startswith("https://")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/health/live")
    trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    assert httpx.get(f"{service.url}/health/live", verify=trusted).status_code == 200
    assert alone("tables", **certificate).code == 0
    elsewhere = alone("tables", "--url", service.url)
    assert elsewhere.code == 3
    assert alone("tables", "--url", service.url, SSL_CERT_FILE=str(tmp_path / "ca.pem")).code == 0


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_read_is_told(alone, tmp_path, content):
    path = tmp_path / "chain.pem"
    if content:
        path.write_text(content)
    answer = alone("serve", GATEHOUSE_TLS_CERTIFICATE=str(path))
    assert answer.code == 2
    assert f"the certificate {path}" in answer.err
