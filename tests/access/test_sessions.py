"""Sessions: new ids only, until they have ended, each with a token of its own."""

import time

import pytest

from service.access import sessions
from service.access.sessions import Sessions

DIGEST = b"\1" * 32


@pytest.fixture
def clock(monkeypatch):
    """The time, which a test may set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_each_session_has_an_id_of_its_own_which_is_not_kept():
    kept = Sessions(60, 600)
    ids = {kept.begin(DIGEST) for _ in range(10)}
    assert len(ids) == 10
    assert all(len(each) >= 43 for each in ids)
    assert not any(each in repr(vars(kept)) for each in ids)
    found = [kept.find(each) for each in ids]
    assert all(each and each.digest == DIGEST for each in found)


def test_an_id_that_a_client_chose_is_of_no_session(clock):
    kept = Sessions(60, 600)
    assert kept.find("chosen") is None
    session_id = kept.begin(DIGEST)
    kept.end(session_id)
    kept.end(session_id)
    assert kept.find(session_id) is None


def test_it_ends_when_nothing_is_asked_for_long_and_after_its_time_anyway(clock):
    kept = Sessions(60, 100)
    used, polled = kept.begin(DIGEST), kept.begin(DIGEST)
    clock[0] += 59
    assert kept.find(used)
    assert kept.find(polled, renew=False)
    clock[0] += 1
    assert kept.find(polled) is None
    assert kept.find(used)
    clock[0] += 40
    assert kept.find(used) is None


def test_sessions_that_have_ended_take_no_room_and_the_oldest_goes_for_a_new_one(
    clock, monkeypatch
):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    kept = Sessions(60, 600)
    first, second, third = (kept.begin(DIGEST) for _ in range(3))
    assert kept.find(first) is None
    assert kept.find(second)
    assert kept.find(third)


def test_a_token_is_of_one_session_of_one_service():
    one, other = Sessions(60, 600), Sessions(60, 600)
    token = one.token("a")
    assert one.is_token("a", token)
    assert not one.is_token("b", token)
    assert not one.is_token("a", "")
    assert not one.is_token("a", "é")
    assert not other.is_token("a", token)
