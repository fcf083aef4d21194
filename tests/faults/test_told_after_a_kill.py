"""What a killed service was about to do is told by the next one, and that it was killed."""

import contextlib

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.processes import Service

pytestmark = pytest.mark.slow
JOBS = "/v1/tables/jobs"
# Ends the process before or after a function of ours does its work.
DYING = """
import faulthandler, os, signal
from {module} import {owner} as owner
real = owner.{name}
def dies(*args, **kwargs):
    if {after}:
        real(*args, **kwargs)
    {death}
owner.{name} = dies
from service.cli import main
main()
"""
KILLED, CRASHED = "os.kill(os.getpid(), signal.SIGKILL)", "faulthandler._sigsegv()"


def dying(where: str, after: bool = False, death: str = KILLED) -> str:
    module, owner, name = where.rsplit(".", 2)
    return DYING.format(module=module, owner=owner, name=name, after=after, death=death)


def killed(settings: Settings, program: str, method: str, path: str, json: object = None) -> None:
    """Asks a service for what ends it."""
    service = Service(settings, program, new_python=True)
    with contextlib.suppress(httpx.TransportError):
        answer = service.client.request(method, path, json=json)
        raise AssertionError(answer.text)
    service.process.wait()
    service.kill()


def last(client: httpx.Client, action: str) -> tuple[str, str]:
    entry = client.get("/v1/trail", params={"action": action, "limit": 1}).json()["entries"][0]
    return entry["outcome"], entry["detail"]


def test_each_deed_that_was_cut_off_is_told_with_what_came_of_it(settings: Settings):
    service = Service(settings)
    made = [service.client.post(f"{JOBS}/backups").json()["backup_id"] for _ in range(3)]
    assert last(service.client, "backup.create")[0] == "done"
    assert service.stop() == 0
    catalogue, back_up = "service.backups.catalogue.Catalogue", "service.doors.backups"
    cases = [
        ("backup.delete", dying(f"{catalogue}.remove"), "DELETE", made[0], "is there"),
        ("backup.delete", dying(f"{catalogue}.remove", after=True), "DELETE", made[1], "not there"),
    ]
    for action, program, method, backup_id, found in cases:
        killed(settings, program, method, f"/v1/backups/{backup_id}")
        service = Service(settings)
        outcome, detail = last(service.client, action)
        assert (outcome, found in detail) == ("interrupted", True), detail
        assert service.stop() == 0
    others = [
        ("backup.create", dying(f"{catalogue}.add"), f"{JOBS}/backups", None),
        ("restore", dying("service.doors.restores.RestoreRun.apply"), f"{JOBS}/restore",
         {"backup_id": made[2]}),
    ]  # fmt: skip
    for action, program, path, asked in others:
        killed(settings, program, "POST", path, asked)
        service = Service(settings)
        assert last(service.client, action)[0] == "interrupted"
        assert service.stop() == 0
    assert back_up


@pytest.mark.parametrize(
    ("death", "told"), [(KILLED, "it was killed, or the machine stopped"),
                        (CRASHED, "Fatal Python error: Segmentation fault")]
)  # fmt: skip
def test_a_death_is_told_by_the_next_start_and_by_no_other(settings: Settings, death, told):
    program = dying("service.doors.backups.Backups.back_up_all", death=death)
    killed(settings, program, "POST", "/v1/backups")
    service = Service(settings)
    outcome, detail = last(service.client, "service.died")
    assert (outcome, told in detail) == ("done", True), detail
    ready = service.client.get("/health/ready")
    assert ready.status_code == 200
    (check,) = [each for each in ready.json()["checks"] if each["name"] == "last end"]
    assert told in check["detail"]
    assert service.stop() == 0
    service = Service(settings)
    checks = service.client.get("/health/ready").json()["checks"]
    assert {"name": "last end", "ok": True, "detail": "it was in order"} in checks
    died = service.client.get("/v1/trail?action=service.died").json()["entries"]
    assert len(died) == 1
    assert service.stop() == 0
