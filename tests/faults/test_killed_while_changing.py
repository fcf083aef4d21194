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
MANY = range(20_000, 20_100)
MERGE = {"Prefer": "resolution=merge-duplicates"}
PATH = "/v1/tables/jobs/rows"


class Changer:
    """Changes one row again and again, makes and removes another, and sends many rows again, half
    of which have changed; it knows what was said.
    """

    def __init__(self) -> None:
        self.sent, self.answered = 0, 0
        self.merges_sent, self.merged = 0, 0

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
                self.merge(client)
                moments.set()
        except httpx.TransportError:
            return

    def merge(self, client: httpx.Client) -> None:
        self.merges_sent += 1
        rows = [{"id": key, "job": self.job(key, self.merges_sent)} for key in MANY]
        answer = client.post(PATH, json=rows, headers=MERGE).json()
        counts = {name: answer[name] for name in ("accepted", "changed", "already_present")}
        half = len(MANY) // 2
        assert tuple(counts.values()) == ((0, half, half) if self.merged else (2 * half, 0, 0))
        self.merged = self.merges_sent

    def job(self, key: int, merge: int) -> str:
        return f"merge {merge}" if key % 2 else "as it was"

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
        self.check_merges(client)
        there = client.get(f"{PATH}/{OTHER}").status_code == 200
        assert there == (said[-1] == "insert")
        if there:
            assert client.delete(f"{PATH}/{OTHER}").status_code == 200

    def check_merges(self, client: httpx.Client) -> None:
        """All rows of a request are there, each with its traces, or none is."""
        asked = {"id": f"gte.{MANY.start}", "limit": "1000"}
        found = {
            row["id"]: row["job"]
            for row in client.get(PATH, params=asked).json()["rows"]
            if row["id"] in MANY
        }
        merge = int(found[MANY[1]].removeprefix("merge ")) if found else 0
        assert self.merged <= merge <= self.merges_sent
        self.merges_sent = self.merged = merge
        assert found == ({key: self.job(key, merge) for key in MANY} if merge else {})
        for key in (MANY[1], MANY[-1]) if merge else ():
            changes = client.get(f"{PATH}/{key}/history?limit=10000").json()["changes"]
            assert [(each["before"]["job"], each["after"]["job"]) for each in changes] == [
                (f"merge {number - 1}", f"merge {number}") for number in range(merge, 1, -1)
            ]


def test_a_change_is_there_with_its_trace_or_neither_is(settings: Settings) -> None:
    changer, random = Changer(), Random(5)
    for number in range(ROUNDS):
        service = Service(settings)
        if number == 0:
            first = {"id": KEY, "job": "step 0"}
            assert service.client.put(f"{PATH}/{KEY}", json=first).status_code == 201
        else:
            changer.check(service.client)
        service.kill_while(changer.work, random.random() / 2)
    service = Service(settings)
    changer.check(service.client)
    audit = service.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]
    assert service.stop() == 0
