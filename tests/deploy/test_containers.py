"""The compose file's containers of storage are made in the emulator itself."""

import os
import subprocess
import sys

from service.runtime.locations import Location
from service.stores.kinds import open_store
from tests.deploy import texts
from tests.support.stores import Azurite

PROGRAM = texts.DEPLOY / "compose" / "containers.py"


def made(name: str, **accounts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), name],
        env={**os.environ, **accounts},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_container_is_made_once_and_found_again(azurite: Azurite) -> None:
    accounts = {"CONTAINERS_PRIMARY": azurite.key(), "CONTAINERS_PAIRED": azurite.key()}
    name = "made-by-compose"
    for _ in range(2):
        assert made(name, **accounts).returncode == 0
    store = open_store(Location(f"az://{name}/x"), azurite.key())
    store.put("a", b"1")
    assert [each.name for each in store.list()] == ["a"]


def test_a_key_that_is_wrong_is_told(azurite: Azurite) -> None:
    key = azurite.key().partition("AccountKey=")[2].partition(";")[0]
    done = made("never", CONTAINERS_PRIMARY=azurite.key().replace(key, "A" * 86 + "=="))
    assert done.returncode == 1
    assert "403" in done.stderr


def test_the_accounts_of_the_compose_file_are_read(azurite: Azurite) -> None:
    said = texts.compose()["services"]["containers"]["environment"]
    for name, text in said.items():
        service = text.partition("http://")[2].partition(":")[0]
        assert service in texts.compose()["services"]
        here = text.replace(f"http://{service}:10000", azurite.url)
        assert made(f"of-{service}", **{name: here}).returncode == 0
