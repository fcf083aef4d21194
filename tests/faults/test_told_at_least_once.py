"""A service is killed while it tells: whatever was acknowledged is told, each under one id.

GATEHOUSE_HOOK_FAULTS_ROUNDS says how often (8; 50 before a release). It is taken out of the
environment: it is no setting.
"""

import os
from collections import defaultdict
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from service.runtime.settings import Settings
from tests.support.chance import chance
from tests.support.processes import Service
from tests.support.receivers import SECRET, Message, receiving
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.pop("GATEHOUSE_HOOK_FAULTS_ROUNDS", "") or 8)


def test_each_event_is_told_at_least_once_and_under_one_id(settings: Settings, tmp_path: Path):
    """Half of the messages are refused, so that there are always some that wait."""
    ids: dict[str, set[str]] = defaultdict(set)  # of messages, by the load they tell of
    draw = chance("told")

    def answer(_: BaseHTTPRequestHandler, message: Message) -> int:
        for load in message.verified()["data"]["loads"]:
            ids[load["load_id"]].add(message.id)
        return draw.choice((204, 503))

    with receiving() as receiver:
        receiver.answer = answer
        hook = {"name": "ops", "url": receiver.url, "private": True, "secret": {"env": "OPS"}}
        hook |= {"on": ["load.rejections"], "retry_seconds": [0.05] * 200}
        path = tmp_path / "hooks.yml"
        path.write_text(yaml.safe_dump({"hooks": [hook]}))
        more = {"GATEHOUSE_HOOKS": str(path), "OPS": SECRET}
        acknowledged: set[str] = set()
        for _ in range(ROUNDS):
            service = Service(settings, more=more)
            for _number in range(draw.randrange(1, 12)):
                sent = service.client.post("/v1/tables/jobs/rows", json=[{"id": -1}])
                acknowledged.add(sent.json()["load_id"])
                PAUSE(draw.random() / 5)
            service.kill()
        service = Service(settings, more=more)
        with receiver.came:
            assert receiver.came.wait_for(lambda: acknowledged <= ids.keys(), 60)
        assert service.stop() == 0
    assert {load: len(found) for load, found in ids.items() if len(found) > 1} == {}
