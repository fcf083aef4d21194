"""The first key of a service that is deployed: it is made once, and never again."""

from collections.abc import Iterator

import msgspec
import pytest

from service.access import keys_file
from service.access.first_key import NAME, make_first_key
from service.access.key_memory import deeds_of
from service.access.keyring import Keyring
from service.engines.duckdb import Database
from service.ops import trail
from service.runtime.settings import Settings

KEY = "gatehouse_" + "0123456789abcdef" * 4


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.warehouse)
    yield database
    database.close()


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, first_key=KEY)


def test_without_the_setting_there_is_none(settings: Settings, database: Database) -> None:
    make_first_key(settings, database)
    assert not settings.keys_file.exists()


def test_it_is_an_operators_and_lets_in(keyed: Settings, database: Database) -> None:
    make_first_key(keyed, database)
    ring = Keyring(keyed.keys_file)
    assert ring.configured
    found = ring.find(KEY.encode())
    assert found is not None
    assert (found.key.name, found.key.role) == (NAME, "operator")


def test_where_there_is_another_key_it_is_not_made(keyed: Settings, database: Database) -> None:
    keys_file.create(keyed.keys_file, "ada", "operator", None, None)
    make_first_key(keyed, database)
    assert [key.name for key in keys_file.read(keyed.keys_file)] == ["ada"]


def test_once_it_was_revoked_neither_a_start_nor_a_lost_file_brings_it_back(
    keyed: Settings, database: Database
) -> None:
    make_first_key(keyed, database)
    keys_file.create(keyed.keys_file, "ada", "operator", None, None)
    keys_file.revoke(keyed.keys_file, NAME, "ada")
    make_first_key(keyed, database)
    keys = keys_file.read(keyed.keys_file)
    assert [key.name for key in keys if key.revoked_at is None] == ["ada"]
    with database.connect() as connection:
        trail.take_up(connection, deeds_of(keys))  # as a service does
    keyed.keys_file.unlink()
    make_first_key(keyed, database)
    assert not keyed.keys_file.exists()
