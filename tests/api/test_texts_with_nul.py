"""A text with NUL: rejected at every door alike, and kept, told and tried again as it was sent."""

import msgspec
import pytest

from tests.support.door import Door
from tests.support.rows import CSV, JSON, MSGPACK, NDJSON, department
from tests.support.uploads import counts, followed, send

NAME = "Ann\x00a"
SAID = {
    "column": "department",
    "rule": "type",
    "message": "department has a NUL character, which no text may have",
    "value": NAME,
}


@pytest.mark.parametrize("kind", [JSON, NDJSON, CSV, MSGPACK])
def test_a_batch(door: Door, kind: str) -> None:
    number, other = door.fresh(2)
    answer = door.rows([department(number, NAME), department(other, "Ann a")], kind=kind)
    assert answer.status_code == 207
    (rejected,) = answer.json()["rejections"]
    assert rejected["violations"] == [SAID]
    assert door.kept([number, other]) == [other]
    path = f"/v1/rejections/{rejected['rejection_id']}"
    assert door.client.get(path).json()["payload"]["department"] == NAME
    again = door.client.post(f"{path}/replay")
    assert (again.status_code, again.json()["rejections"][0]["violations"]) == (422, [SAID])
    mended = msgspec.json.encode(department(number, "Ann"))
    headers = {"content-type": JSON}
    assert door.client.post(f"{path}/replay", content=mended, headers=headers).status_code == 201
    assert door.kept([number]) == [number]


def test_a_file(door: Door) -> None:
    number, other = door.fresh(2)
    file = f"id,department\n{number},{NAME}\n{other},Ann a\n"
    load = followed(door.client, send(door.client, "departments", file))
    assert counts(load) == (2, 1, 1, 0)
    listed = door.client.get("/v1/rejections", params={"load_id": load["load_id"]}).json()
    (rejected,) = listed["rejections"]
    assert rejected["violations"] == [SAID]
    assert rejected["payload"]["department"] == NAME
    again = door.client.post(f"/v1/rejections/{rejected['rejection_id']}/replay")
    assert (again.status_code, again.json()["rejections"][0]["violations"]) == (422, [SAID])
    assert door.client.get("/v1/audit").json()["ok"]
