"""Killed while rows change: each change is there with its trace, or neither is.

GATEHOUSE_CHANGES_ROUNDS says how often (50 for a long run). It is taken out of the environment: it
is no setting.
"""

import os
import threading
from itertools import pairwise
from random import Random

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.processes import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]
ROUNDS = int(os.environ.pop("GATEHOUSE_CHANGES_ROUNDS", "") or 1)
KEY, OTHER = 9_001, 9_002
PATH = "/v1/tables/jobs/rows"


class Changer:
    """Changes one row again and again, and makes and removes another; it knows what was said."""

    def __init__(self) -> None:
        self.sent, self.answered = 0, 0

    def work(self, client: httpx.Client, moments: threading.Event) -> None:
        try:
            while True:
                self.sent += 1
                said = {"job": f"step {self.sent}"}
                assert client.patch(f"{PATH}/{KEY}", json=said).status_code == 200
                self.answered = self.sent
                made = client.put(f"{PATH}/{OTHER}", json={"id": OTHER, "job": "here"})
                assert made.status_code == 201
                assert client.delete(f"{PATH}/{OTHER}").status_code == 200
                moments.set()
        except httpx.TransportError:
            return

    def check(self, client: httpx.Client) -> None:
        """What was answered is there; what was sent is there whole, or not at all."""
        row = client.get(f"{PATH}/{KEY}").json()
        step = int(row["job"].removeprefix("step "))
        assert self.answered <= step <= self.sent
        self.sent = self.answered = step
        changes = client.get(f"{PATH}/{KEY}/history?limit=10000").json()["changes"]
        assert [each["after"]["job"] for each in changes[:-1]] == [
            f"step {number}" for number in range(step, 0, -1)
        ]
        for newer, older in pairwise(changes):
            assert newer["before"] == older["after"]
        others = client.get(f"{PATH}/{OTHER}/history?limit=10000").json()["changes"]
        said = [each["operation"] for each in reversed(others)]
        assert said == (["insert", "delete"] * len(said))[: len(said)]
        there = client.get(f"{PATH}/{OTHER}").status_code == 200
        assert there == (said[-1] == "insert")
        if there:
            assert client.delete(f"{PATH}/{OTHER}").status_code == 200


def test_a_change_is_there_with_its_trace_or_neither_is(settings: Settings) -> None:
    changer, random = Changer(), Random(5)
    for number in range(ROUNDS):
        service = Service(settings)
        if number == 0:
            first = {"id": KEY, "job": "step 0"}
            assert service.client.put(f"{PATH}/{KEY}", json=first).status_code == 201
        else:
            changer.check(service.client)
        moments = threading.Event()
        worker = threading.Thread(target=changer.work, args=(service.client, moments))
        worker.start()
        assert moments.wait(60)
        worker.join(random.random() / 2)  # it goes on until it is killed
        service.process.kill()
        worker.join(60)
        service.kill()
    service = Service(settings)
    changer.check(service.client)
    audit = service.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]
    assert service.stop() == 0
