"""Another dbt than the shortcuts are made for is left as it is."""

import pytest
from dbt_common.events import base_types
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import get_event_manager

from service.dbt import shortcuts


@pytest.fixture
def of_another_version(monkeypatch):
    monkeypatch.setattr(shortcuts, "version", lambda _: "1.12.6")


def test_nothing_is_put_into_it(of_another_version, monkeypatch):
    monkeypatch.setattr(base_types.BaseEvent, "pb_msg", None, raising=False)
    shortcuts.install.__wrapped__()
    assert base_types.BaseEvent.pb_msg is None


def test_it_tells_of_all_events(of_another_version):
    shortcuts.listen_to(("LogStartLine",))
    assert type(get_event_manager()) is EventManager
