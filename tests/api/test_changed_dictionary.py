"""A service whose dictionary changes while it runs: planned, refused, done; what is older than the
change is read by the names of now.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.projects import Project
from tests.support.services import serving

pytestmark = pytest.mark.slow
KEY = """
- name: id
  data_type: integer
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
"""
THINGS = (
    KEY
    + """
- {name: name, data_type: varchar, description: Name.}
- {name: size, data_type: smallint, description: Size., data_tests: [not_null]}
- {name: note, data_type: varchar, description: Whatever.}
"""
)
ARTICLES = (
    KEY
    + """
- name: title
  data_type: varchar(4)
  description: Name.
  config: {meta: {renamed_from: name}}
- {name: size, data_type: integer, description: Size., data_tests: [not_null]}
- {name: color, data_type: varchar, description: Color., config: {meta: {default: red}}}
"""
)
ALLOW = "drop:articles.note"


class World:
    """A service, what was done before the change, and the plan of it."""

    def __init__(self, project: Project, client: httpx.Client) -> None:
        self.project, self.client = project, client
        self.backup_id, self.plan = "", dict[str, Any]()

    def build(self, **query: str) -> dict[str, Any]:
        """Asks for a build, and waits until it has ended."""
        asked = self.client.post("/v1/builds", params=query)
        assert asked.status_code == 202, asked.text
        while True:
            build: dict[str, Any] = self.client.get(asked.json()["href"]).json()
            if build["status"] not in ("queued", "running"):
                return build
            time.sleep(0.05)  # between two looks


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    project = Project(tmp_path_factory.mktemp("world"))
    project.leave_out_tables()
    project.model("things", THINGS, about="thing")
    project.write("things", "id,name,size,note\n1,One,5,\n2,Two,6,keep\n")
    project.build()
    with serving(project.settings) as client:
        yield World(project, client)


def test_a_plan_says_what_would_become_of_rows_rejections_backups_and_clients(
    world: World,
) -> None:
    client, path = world.client, "/v1/tables/things"
    rows = [{"id": 3, "name": "Three", "size": 7}, {"id": 4, "name": "Four", "size": 40000}]
    assert client.post(f"{path}/rows", json=rows).status_code == 207
    assert client.patch(f"{path}/rows/2", json={"size": 8}, headers=PATCH).is_success
    world.backup_id = client.post(f"{path}/backups").json()["backup_id"]
    (world.project.core / "things.yml").unlink()
    (world.project.core / "things.sql").unlink()
    (world.project.folder / "seeds" / "raw_things.csv").unlink()
    (world.project.seeds / "things.csv").rename(world.project.seeds / "articles.csv")
    world.project.model("articles", ARTICLES, about="thing", renamed_from="things")
    build = world.build(dry_run="true")
    assert (build["status"], build["dry_run"]) == ("done", True), build["message"]
    plan = world.plan = build["plan"]
    told = {each["described"]: each for each in plan["changes"]}
    assert [(each["kind"], each["column"], each["rows"]) for each in plan["changes"]] == [
        ("table renamed", None, 0),
        ("column renamed", "title", 0),
        ("rule added", "title", 0),
        ("column widened", "size", 0),
        ("column added", "color", 0),
        ("column dropped", "note", 1),
    ]
    dropped = told["articles.note dropped"]
    assert (plan["refused"], dropped["first_keys"], dropped["allowed_by"]) == (True, ["2"], ALLOW)
    assert [name for name, each in told.items() if each["breaks_clients"]] == [
        "articles renamed (things before, articles now)",
        "articles.title renamed (name before, title now)",
        "articles.title: rule added (max_length: at most 4 characters)",
        "articles.note dropped",
    ]
    allowed = world.build(dry_run="true", allow=ALLOW)["plan"]
    assert not allowed["refused"]
    longer = next(each for each in allowed["changes"] if each["rule"])
    assert (longer["rows"], longer["first_keys"]) == (1, ["3"])
    assert allowed["rejections"] == [
        {"table": "things", "open": 1, "judged": 1, "fit_before": 0, "fit_then": 1, "unnamed": 0}
    ]
    (backups,) = allowed["backups"]
    assert (backups["backups"], backups["renamed"]) == (1, {"name": "title"})
    assert (backups["left_out"], backups["filled"]) == (["note"], ["color"])
    assert client.get(f"{path}/rows/2").json()["note"] == "keep", "nothing was done"


PATCH = {"Content-Type": "application/merge-patch+json"}


def test_what_cannot_be_allowed_is_a_bad_request(world: World) -> None:
    answer = world.client.post("/v1/builds", params={"allow": "everything"})
    assert answer.status_code == 400
    assert "drop:table.column" in answer.text


def test_a_build_is_refused_as_the_plan_says_and_the_service_goes_on(world: World) -> None:
    build = world.build()
    assert build["status"] == "failed"
    assert f"HINT: --allow {ALLOW}" in build["message"]
    row = {"id": 10, "name": "Ten", "size": 1}
    assert world.client.post("/v1/tables/things/rows", json=row).status_code == 201


def test_the_service_goes_by_the_new_dictionary_when_the_build_has_altered_tables(
    world: World,
) -> None:
    build = world.build(allow=ALLOW)
    assert build["status"] == "done", build["message"]
    client = world.client
    assert [each["name"] for each in client.get("/v1/tables").json()] == ["articles"]
    assert client.get("/v1/tables/articles/rows/10").json() == {
        "id": 10,
        "title": "Ten",
        "size": 1,
        "color": "red",
    }
    sent = {"id": 11, "title": "Elf", "size": 70000}
    assert client.post("/v1/tables/articles/rows", json=sent).status_code == 201
    assert client.post("/v1/tables/articles/rows", json={**sent, "title": "x"}).status_code == 422
    old = client.post("/v1/tables/articles/rows", json={"id": 12, "name": "Old", "size": 1})
    assert old.status_code == 422


def test_the_history_of_a_row_is_by_the_names_of_now(world: World) -> None:
    (change,) = world.client.get("/v1/tables/articles/rows/2/history").json()["changes"]
    assert change["before"] == {
        "id": 2,
        "title": "Two",
        "size": 6,
        "color": None,
        "note": "keep",
    }


def test_a_row_that_was_kept_out_goes_in_by_the_names_of_now(world: World) -> None:
    found = world.client.get("/v1/rejections", params={"status": "open"}).json()["rejections"]
    (waits,) = [each for each in found if each["payload"].get("name") == "Four"]  # as it was sent
    assert waits["table"] == "articles"
    answer = world.client.post(f"/v1/rejections/{waits['rejection_id']}/replay")
    assert answer.status_code == 201, answer.text
    assert world.client.get("/v1/tables/articles/rows/4").json()["title"] == "Four"


def test_a_backup_of_before_is_listed_and_restored_and_says_what_became_of_its_columns(
    world: World,
) -> None:
    client, path = world.client, "/v1/tables/articles"
    listed = client.get(f"{path}/backups").json()["backups"]
    assert [(each["backup_id"], each["table"]) for each in listed] == [
        (world.backup_id, "articles")
    ]
    assert client.post(f"/v1/backups/{world.backup_id}/verify").json()["ok"]
    refused = client.post(f"{path}/restore", json={"backup_id": "latest"})
    assert refused.status_code == 422, "row 3 has a title that is too long now"
    assert client.delete(f"{path}/rows/3").is_success
    difference = client.get(f"/v1/backups/{world.backup_id}/difference")
    assert difference.status_code == 422
    world.project.change("articles", "varchar(4)", "varchar(9)")
    assert world.build()["status"] == "done"
    shown = client.get(f"/v1/backups/{world.backup_id}/difference").json()
    columns = {"left_out": ["note"], "filled": ["color"], "renamed": {"name": "title"}}
    assert {name: shown[name] for name in columns} == columns
    done = client.post(f"{path}/restore", json={"backup_id": "latest"})
    assert done.status_code == 200, done.text
    assert {name: done.json()[name] for name in columns} == columns
    rows = client.get(f"{path}/rows").json()["rows"]
    assert [(each["id"], each["title"], each["color"]) for each in rows] == [
        *((1, "One", "red"), (2, "Two", "red"), (3, "Three", "red")),
    ]
    audit = client.get("/v1/audit").json()
    bad = [each for each in audit["checks"] if not each["ok"]]
    assert not [each for each in bad if each["name"] in ("acknowledged rows", "rows of articles")]
