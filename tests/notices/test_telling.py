"""What hooks are told, and that they are: a real service, and a real receiver."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml  # type: ignore[import-untyped]

from service.notices.hooks_file import KINDS
from service.runtime.settings import Settings
from tests.support.contract import Contract
from tests.support.receivers import SECRET, Message, Receiver, receiving
from tests.support.services import copied, serving_by
from tests.support.workers import PAUSE

PRIVATE = "Zacharias"
ROWS = "/v1/tables/hired_employees/rows"
GOOD = {"name": PRIVATE, "datetime": "2021-12-10T09:00:00Z", "department_id": 3, "job_id": 7}


def bad(number: int) -> dict[str, Any]:
    return GOOD | {"id": 900_000 + number, "datetime": PRIVATE, PRIVATE: 1}


def write(path: Path, *hooks: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump({"hooks": list(hooks)}))


def until(found: Callable[[], Any]) -> Any:
    """What is found, once it is something."""
    end = time.monotonic() + 30
    while not (said := found()):
        assert time.monotonic() < end, "it does not come"
        PAUSE(0.05)
    return said


@dataclass
class World:
    """A service with hooks, and receivers: one that answers as it is told, one that is away."""

    client: httpx.Client
    receiver: Receiver
    settings: Settings
    status: int = 204

    def answer(self, _: BaseHTTPRequestHandler, message: Message) -> int:
        return self.status if message.path.endswith("/fussy") else 204

    def told(self, hook: str, kind: str, count: int = 1) -> list[Any]:
        """What a hook was told of a kind, once there is so much."""
        path = f"/hook/{hook}"

        def found() -> list[Any]:
            said = [m.verified() for m in self.receiver.messages if m.path == path]
            return [each["data"] for each in said if each["type"] == kind]

        return list(until(lambda: found() if len(found()) >= count else None))

    def deliveries(self, hook: str, **wanted: Any) -> list[Any]:
        answer = self.client.get(f"/v1/hooks/{hook}/deliveries", params=wanted)
        return list(answer.json()["deliveries"])


@pytest.fixture(scope="module")
def world(
    built: Settings, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("told")
    (folder / "secret").write_text(SECRET)
    file = folder / "hooks.yml"
    settings = msgspec.structs.replace(copied(built, folder), hooks=file, disk_floor_bytes=1 << 60)
    basic: dict[str, Any] = {"secret": {"file": str(folder / "secret")}, "private": True}
    basic |= {"on": list(KINDS), "retry_seconds": [0.1, 0.2]}
    with receiving() as receiver:
        hooks: dict[str, dict[str, Any]] = {
            "plain": {},
            "half": {"share": 0.5, "rows": 3},
            "values": {"values": True},
            "jobs": {"tables": ["jobs"], "on": ["load.rejections"]},
            "fussy": {"on": ["build.failed"]},
        }
        write(
            file,
            *(
                basic | {"name": n, "url": f"{receiver.url}/{n}", **more}
                for n, more in hooks.items()
            ),
            basic | {"name": "dead", "url": "http://127.0.0.1:9/x", "retry_seconds": [900]},
        )
        with serving_by(contract, settings) as client:
            world = World(client, receiver, settings)
            receiver.answer = world.answer
            yield world


def test_rejections_are_told_without_what_was_sent_unless_it_is_asked_for(world: World):
    few = world.client.post(ROWS, json=[bad(1), *(GOOD | {"id": n} for n in (5001, 5002))]).json()
    (said,) = world.told("plain", "load.rejections")
    assert [each["load_id"] for each in said["loads"]] == [few["load_id"]]
    assert (said["loads"][0]["received"], said["loads"][0]["rejected"]) == (3, 1)
    assert ("datetime", "type") in {(each["column"], each["rule"]) for each in said["reasons"]}
    assert len(said["reasons"]) > 1  # what the sender called a column is not repeated
    assert PRIVATE not in str(said)
    (full,) = world.told("values", "load.rejections")
    assert full["rejections"][0]["payload"]["datetime"] == PRIVATE
    many = world.client.post(ROWS, json=[bad(n) for n in range(4)]).json()
    (above,) = world.told("half", "load.rejections")
    assert [each["load_id"] for each in above["loads"]] == [many["load_id"]]


def test_only_loads_of_its_tables_are_told_and_no_dry_runs(world: World):
    world.client.post("/v1/tables/departments/rows?dry_run=true", json=[{"id": "x"}])
    world.client.post("/v1/tables/jobs/rows", json=[{"id": -1, "job": ""}])
    (said,) = world.told("jobs", "load.rejections")
    assert {each["table"] for each in said["loads"]} == {"jobs"}
    tables = [e["table"] for d in world.told("plain", "load.rejections") for e in d["loads"]]
    assert "departments" not in tables


def test_what_fails_is_told_a_file_a_restore_and_a_low_disk(world: World):
    world.told("plain", "disk.low")
    sent = world.client.post(
        "/v1/tables/jobs/files?filename=secret.csv",
        content=b"\xff\xfe\x00broken",
        headers={"content-type": "text/csv"},
    )
    assert sent.status_code == 422
    (file,) = world.told("plain", "load.failed")
    assert file["loads"][0]["status"] == "refused"
    assert {"detail", "source"}.isdisjoint(file["loads"][0])
    assert "secret.csv" not in str(file)
    (full,) = world.told("values", "load.failed")
    assert full["loads"][0]["detail"]
    assert full["loads"][0]["source"] == "secret.csv"
    backup = world.client.post("/v1/tables/departments/backups").json()
    stored = next(world.settings.backups.path.glob(f"**/*{backup['backup_id']}*.avro"))
    stored.write_bytes(stored.read_bytes()[:-20])
    restored = world.client.post(
        "/v1/tables/departments/restore", json={"backup_id": backup["backup_id"]}
    )
    assert restored.status_code == 422
    assert world.told("plain", "restore.failed")[0]["action"] == "restore"
    assert world.client.get("/v1/audit").json()["ok"] is False
    assert "backups" in world.told("plain", "audit.failed")[0]["text"]
    count = len(world.told("plain", "audit.failed"))
    world.client.get("/v1/audit")
    world.client.post("/v1/hooks/plain/test")
    world.told("plain", "hook.test")
    assert len(world.told("plain", "audit.failed")) == count  # the same is told once


def test_what_is_refused_is_tried_again_under_its_id_then_given_up_and_sent_when_asked(
    world: World,
):
    world.status = 503
    asked = world.client.post("/v1/hooks/fussy/test")
    assert asked.status_code == 202
    place = asked.headers["location"]
    ended = until(lambda: (d := world.client.get(place).json())["status"] != "waiting" and d)
    assert (ended["status"], ended["attempts"], ended["http_status"]) == ("failed", 3, 503)
    world.status = 200
    again = world.client.post(f"{place}/redeliver")
    assert again.status_code == 202
    until(lambda: world.client.get(place).json()["status"] == "delivered")
    ours = [m.id for m in world.receiver.messages if m.path == "/hook/fussy"]
    assert ours == [ended["delivery_id"]] * 4
    for wrong in ("/v1/hooks/nobody/test", "/v1/hooks/fussy/deliveries/msg_x/redeliver"):
        assert world.client.post(wrong).status_code == 404


def test_one_that_is_sent_again_while_it_is_on_its_way_is_sent_again(world: World):
    """What came of the attempt before does not end what was asked for after it began."""
    came, go_on = threading.Event(), threading.Event()

    def hold(_: BaseHTTPRequestHandler, message: Message) -> int:
        if message.path.endswith("/fussy") and not came.is_set():
            came.set()
            assert go_on.wait(30)
        return 204

    world.receiver.answer = hold
    try:
        place = world.client.post("/v1/hooks/fussy/test").headers["location"]
        assert came.wait(30)
        again = world.client.post(f"{place}/redeliver")
        go_on.set()
        ended = until(lambda: (d := world.client.get(place).json())["status"] != "waiting" and d)
    finally:
        go_on.set()
        world.receiver.answer = world.answer
    sent = [m for m in world.receiver.messages if m.id == again.json()["delivery_id"]]
    assert (len(sent), ended["status"], ended["attempts"]) == (2, "delivered", 1)


def test_one_that_is_away_keeps_only_itself_waiting(world: World):
    world.client.post("/v1/hooks/dead/test")
    until(lambda: world.deliveries("dead", status="waiting")[-1]["attempts"] == 1)
    told = len(world.told("plain", "load.rejections"))
    world.client.post(ROWS, json=[bad(7)])
    world.told("plain", "load.rejections", told + 1)
    assert {each["status"] for each in world.deliveries("dead")} == {"waiting"}


def test_hooks_and_deliveries_are_listed_without_secrets(world: World):
    world.client.post("/v1/hooks/plain/test")
    world.told("plain", "hook.test")
    listed = {each["name"]: each for each in world.client.get("/v1/hooks").json()["hooks"]}
    assert listed["plain"]["receiver"] == world.receiver.url.split("/")[2]
    assert listed["half"]["share"] == 0.5
    assert SECRET not in str(listed)
    first = world.client.get("/v1/hooks/plain/deliveries?limit=1").json()
    second = world.client.get(
        "/v1/hooks/plain/deliveries", params={"limit": 1, "after": first["next"]}
    ).json()
    assert first["deliveries"] != second["deliveries"]
    for path in ("/hooks", "/hooks/plain", "/hooks/dead?status=waiting"):
        page = world.client.get(path)
        assert page.status_code == 200
        assert ("plain" if path == "/hooks" else "hook.test") in page.text
        assert SECRET not in page.text


def test_commands_show_them_and_send_a_test(world: World):
    from tests.support.commands import run

    url = str(world.client.base_url)

    def ask(*words: str) -> Any:
        return run(world.settings, "hooks", *words, GATEHOUSE_URL=url)

    assert ask("list").lines[1].startswith("plain\twebhook\t")
    assert ask("test", "plain").out.startswith("delivered msg_")
    failed = ask("test", "dead", "--json")
    assert (failed.code, failed.json["status"]) == (1, "waiting")
    newest = ask("deliveries", "plain", "--limit", "1", "--json").json[0]
    assert newest["kind"] == "hook.test"
    assert ask("redeliver", "plain", newest["delivery_id"]).code == 0
    assert ask("test", "nobody").code == 1
