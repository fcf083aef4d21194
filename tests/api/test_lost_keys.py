"""A file of keys that is lost does not open the doors, however often the service is started."""

import pytest

from service.access import keys_file
from service.cli.inside import disable_keys
from tests.support.answers import is_problem
from tests.support.services import serving


def made(settings, name):
    _, secret = keys_file.create(settings.keys_file, name, "operator", None, "local:me")
    return {"Authorization": f"Bearer {secret}"}


def test_what_is_lost_while_no_service_runs_is_missed(settings):
    before = made(settings, "boss")
    with serving(settings) as client:
        assert client.get("/v1/tables", headers=before).status_code == 200
    settings.keys_file.unlink()
    with serving(settings) as client:
        for method, path in (("GET", "/v1/tables"), ("POST", "/v1/keys"), ("GET", "/v1/trail")):
            refused = client.request(method, path, headers=before)
            assert is_problem(refused, 503, "keys-unreadable"), path
            assert "gatehouse keys create NAME --role operator" in refused.json()["detail"]
        asked = {"name": "thief", "role": "operator"}
        assert client.post("/v1/keys", json=asked).status_code == 503
        ready = client.get("/health/ready")
        (check,) = [each for each in ready.json()["checks"] if each["name"] == "keys"]
        assert (ready.status_code, check["ok"]) == (503, False)
        assert "is gone" in check["detail"]
        # A new one, made on the machine, is the way back in.
        after = made(settings, "boss")
        assert client.get("/v1/tables", headers=before).status_code == 401
        assert client.get("/v1/tables", headers=after).status_code == 200
        trail = client.get("/v1/trail?action=key", headers=after).json()["entries"]
        assert [each["action"] for each in trail] == ["key.create", "key.create"]
        assert client.get("/health/ready").status_code == 200
    with serving(settings) as client:
        assert client.get("/v1/tables").status_code == 401


def test_a_key_that_came_while_it_ran_is_remembered(settings):
    with serving(settings) as client:
        assert client.get("/v1/tables").status_code == 200
        made(settings, "boss")
        assert client.get("/v1/tables").status_code == 401
    settings.keys_file.unlink()
    with serving(settings) as client:
        assert client.get("/v1/tables").status_code == 503


@pytest.mark.parametrize("lost", [False, True])
def test_who_wants_no_keys_any_more_says_so_on_the_machine(settings, lost):
    made(settings, "boss")
    with serving(settings) as client:
        assert client.get("/v1/tables").status_code == 401
    if lost:
        settings.keys_file.unlink()
    disable_keys(settings)
    assert not settings.keys_file.exists()
    for _ in range(2):
        with serving(settings) as client:
            assert client.get("/v1/tables").status_code == 200
    actions = []
    again = made(settings, "boss")
    with serving(settings) as client:
        entries = client.get("/v1/trail?action=key", headers=again).json()["entries"]
        actions = [each["action"] for each in entries]
    assert actions == ["key.create", "key.disable", "key.create"]
    settings.keys_file.unlink()
    with serving(settings) as client:
        assert client.get("/v1/tables").status_code == 503
