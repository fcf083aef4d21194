"""A service whose backups have a second place: copied, listed, restored from there."""

from pathlib import Path

import msgspec
from litestar.testing import TestClient

from service.api.http.authentication import ANYONE
from service.app import create_app
from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support.stores import Azurite, azure_place

JOBS = "/v1/tables/jobs"


def rows(client: TestClient) -> object:
    return client.get(f"{JOBS}/rows?limit=10000").json()["rows"]


def checks(client: TestClient) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in client.get("/health/ready").json()["checks"]}


def test_backups_in_object_storage_are_copied_and_restored_from_the_copy(
    settings: Settings, azurite: Azurite, tmp_path: Path
):
    place = azure_place(azurite)
    paired = msgspec.structs.replace(
        settings,
        backups=place.location,
        backups_credentials=place.credentials,
        backups_copy=Location(tmp_path / "second"),
    )
    with TestClient(create_app(paired, ANYONE)) as client:
        before = rows(client)
        made = client.post("/v1/backups").json()["backups"]
        assert {each["copied"] for each in made} <= {True, False}
        (jobs,) = [each for each in made if each["table"] == "jobs"]
        assert client.post(f"/v1/backups/{jobs['backup_id']}/verify").json()["ok"]
        assert checks(client)["store of the backups"]["detail"] == "no request failed"
    # A command or a service that ends has copied what it was woken for.
    assert len([*(tmp_path / "second").rglob("*.avro")]) == len(made)

    away = msgspec.structs.replace(
        paired, backups_credentials=place.credentials.replace(azurite.url, "http://127.0.0.1:1")
    )
    with TestClient(create_app(away, ANYONE)) as client:
        client.post(f"{JOBS}/rows", json=[{"id": 900, "job": "A"}])
        listed = client.get("/v1/backups").json()
        assert (listed["place"], len(listed["backups"])) == ("copy", len(made))
        assert client.post(f"/v1/backups/{jobs['backup_id']}/verify").json()["ok"]
        refused = client.post(f"{JOBS}/backups")
        assert refused.status_code == 503
        assert refused.json()["detail"] == f"{place.location} cannot be used: it does not answer"
        assert client.get("/v1/backups?place=primary").status_code == 503
        ready = checks(client)
        assert "does not answer" in str(ready["store of the backups"]["detail"])
        assert all(each["ok"] for each in ready.values())
        asked = {"backup_id": "latest"}
        assert client.post(f"{JOBS}/restore", json={**asked, "place": "primary"}).status_code == 503
        plan = client.post(f"{JOBS}/restore", json={**asked, "dry_run": True}).json()
        done = client.post(f"{JOBS}/restore", json=asked).json()
        assert (plan["place"], done["place"], done["removed"]) == ("copy", "copy", 1)
        assert rows(client) == before
        undone = client.post(f"{JOBS}/restore", json={"backup_id": done["safety_backup_id"]}).json()
        assert undone["added"] == 1  # what was there before is in the second place, too
        found = client.get("/metrics").text
        assert "gatehouse_backup_copies_waiting" in found

    with TestClient(create_app(paired, ANYONE)) as client:
        for each in made:
            assert client.delete(f"/v1/backups/{each['backup_id']}").status_code == 204
        assert client.get("/v1/backups?place=copy").json()["backups"] != []  # safety backups
    assert not [*(tmp_path / "second").rglob(f"{jobs['backup_id']}*")]
