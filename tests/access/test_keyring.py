"""Keys, as a service that runs sees them."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest

from service.access import keys_file
from service.access.keyring import Keyring, KeysUnreadable
from tests.support.files import no_more_files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gatehouse.duckdb.keys"


def _is_configured(keyring):
    return keyring.configured


def made(path, name="boss", role="operator", expires_at=None):
    return keys_file.create(path, name, role, expires_at, None)[1].encode()


def test_a_key_that_another_process_makes_or_revokes_is_known_at_once(path):
    keyring = Keyring(path)
    assert keyring.configured is False
    secret = made(path)
    assert _is_configured(keyring)
    held = keyring.find(secret)
    assert held
    assert (held.key.name, held.key.revoked_at) == ("boss", None)
    keys_file.revoke(path, "boss", None, force=True)
    assert _is_configured(keyring)
    held = keyring.find(secret)
    assert held
    assert held.key.revoked_at


@pytest.mark.parametrize("wrong", [b"", b"x", b"gatehouse_", b"\xff" * 64])
def test_what_is_no_key_is_not_found(path, wrong):
    keyring, secret = Keyring(path), made(path)
    assert keyring.configured
    for presented in (wrong, secret[:-1], secret + b"0", secret.upper(), b" " + secret):
        assert keyring.find(presented) is None


def test_a_digest_is_compared_with_all_of_them_in_constant_time(path, monkeypatch):
    first, *_ = [made(path, f"key{n}") for n in range(5)]
    compared, real = [], hmac.compare_digest

    def compare(one, other):
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    keyring = Keyring(path)
    assert keyring.configured
    for presented in (b"wrong", first):
        assert (keyring.find(presented) is None) == (presented == b"wrong")
        assert len(compared) == 5
        compared.clear()


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_text("{")])
def test_a_lost_or_damaged_file_lets_no_one_in(path, damage):
    keyring, secret = Keyring(path), made(path)
    assert keyring.configured
    content = path.read_bytes()
    damage(path)
    for _ in range(2):
        with pytest.raises(KeysUnreadable) as caught:
            _ = keyring.configured
        assert str(path) not in caught.value.detail
    path.write_bytes(content)
    assert keyring.configured
    assert keyring.find(secret)


def test_last_uses_are_written_down(path):
    keyring, _ = Keyring(path), made(path)
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert keyring.configured
    keyring.used("boss")
    keyring.flush()
    (key,) = keys_file.read(path)
    assert key.last_used_at
    assert before < key.last_used_at <= datetime.now(UTC)
    keyring.flush()
    assert keys_file.read(path) == [key]


def test_last_uses_that_cannot_be_written_down_stop_nothing(path):
    keyring, secret = Keyring(path), made(path)
    assert keyring.configured
    path.write_text("{")
    keyring.used("boss")
    keyring.flush()
    assert keyring.find(secret)


def test_what_cannot_be_read_for_a_moment_is_read_again(path):
    keyring, secret = Keyring(path), made(path)
    with no_more_files(), pytest.raises(KeysUnreadable):
        _is_configured(keyring)
    assert _is_configured(keyring)
    assert keyring.find(secret)
