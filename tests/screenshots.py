"""``make screenshots``: pictures of the pages for docs/console.md.

They are WebP, which takes a third of PNG. Nothing compares them: they are for people.
"""

import base64
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import httpx
import yaml  # type: ignore[import-untyped]
from playwright.sync_api import Page, sync_playwright

from service.dbt.runner import build_offline
from tests.support import CHECKOUT
from tests.support.browser import FLAGS, NAMES
from tests.support.receivers import SECRET, receiving
from tests.support.services import serving, settings_in

FOLDER = CHECKOUT / "docs" / "screenshots"
WIDTH, HEIGHT, QUALITY = 1080, 700, 60
HIRE = {"name": "Grace H.", "datetime": "2021-12-11T08:00:00Z", "job_id": 7}


class Pictures:
    """Takes pictures of the pages of a service."""

    def __init__(self, browser: Any, client: httpx.Client) -> None:
        self._browser, self._url = browser, str(client.base_url).rstrip("/")

    def take(
        self,
        name: str,
        path: str,
        act: Callable[[Page], object] = lambda page: None,
        **options: Any,
    ) -> None:
        """The page at `path` once `act` has done something with it, as `name`.webp."""
        chosen = {"viewport": {"width": WIDTH, "height": HEIGHT}, **options}
        context = self._browser.new_context(base_url=self._url, **chosen)
        page = context.new_page()
        page.goto(path)
        act(page)
        page.wait_for_load_state("networkidle")
        session = context.new_cdp_session(page)
        said = {"format": "webp", "quality": QUALITY}
        taken = session.send("Page.captureScreenshot", said)
        (FOLDER / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))
        context.close()


def hooked(folder: Path, url: str) -> Path:
    """A file with one who is told by a webhook, and one who would be by mail."""
    secret, path = folder / "secret", folder / "hooks.yml"
    secret.write_text(SECRET)
    webhook = {"name": "ops", "url": url, "secret": {"file": str(secret)}, "private": True}
    mail = {"server": "mail.example.org", "sender": "gatehouse@example.org"}
    hooks = [
        {**webhook, "on": ["load.rejections", "load.failed", "build.failed"]},
        {"name": "duty", "mail": {**mail, "to": ["duty@example.org"]}, "on": ["backup.failed"]},
    ]
    path.write_text(yaml.safe_dump({"hooks": hooks}))
    return path


def warn_of(warehouse: Path) -> None:
    """As if long names were warned of: the sample's own rules keep out whatever breaks them."""
    said = {"column": "name", "rule": "max_length", "message": "name is longer than 18 characters"}
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "insert into ops.warnings (load_id, table_name, source, position, row_key, warnings,"
            " warned_at) select load_id, table_name, source, id, id, ?, finished_at from ops.loads,"
            " core.hired_employees where table_name = 'hired_employees' and length(name) > 18",
            [json.dumps([{**said, "value": None}])],
        )


def prepared(client: httpx.Client) -> dict[str, Any]:
    """Brings something in, backs it up, and brings in more; the set of backups."""
    client.post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "Clockmaker"}, {"id": 901}])
    made = dict(client.post("/v1/backups").json())
    rows = {
        "departments": [{"id": 71, "department": "Compilers"}],
        "hired_employees": [{"id": 5005, "department_id": 71, **HIRE}],
    }
    assert client.post("/v1/rows", json=rows).status_code == 201
    return made


# The picture of each page, by its template.
PICTURES = {
    **{name: name for name in ("api", "audit", "backups", "build", "builds", "dictionary")},
    **{name: name for name in ("difference", "hook", "hooks", "insert", "keys", "load", "loads")},
    **{name: name for name in ("login", "mart")},
    **{name: name for name in ("overview", "problem", "rejection", "rejections", "report")},
    **{name: name for name in ("reports", "restore", "restored", "rows", "table", "tables")},
    **{name: name for name in ("task", "trail", "try", "warnings")},
    "dictionary_whole": "dictionary",
    "draft": "file",
    "row_page": "row",
    "table_page": "table-page",
}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
HIRES = "/tables/hired_employees"
GROUP = "/rejections?table=hired_employees&column=department_id&rule=not_null"


def operators(pictures: Pictures, client: httpx.Client, made: dict[str, Any]) -> None:
    """The pages of those who run the service."""
    loads = client.get("/v1/loads?kind=history").json()["loads"]
    ids = {each["table"]: each["backup_id"] for each in made["backups"]}
    back = f"{HIRES}/restore?backup={ids['hired_employees']}"
    pictures.take("overview", "/")
    pictures.take("overview-phone", "/", **PHONE)
    pictures.take("loads", "/loads")
    pictures.take("load", f"/loads/{next(x['load_id'] for x in loads if x['rejected'])}")
    pictures.take("backups", "/backups")
    pictures.take("restore", back)
    gone = f"/backups/{ids['hired_employees']}/difference?kind=removed"
    pictures.take("difference", gone)
    pictures.take("references", f"/tables/departments/restore?backup={ids['departments']}")
    pictures.take("audit", "/audit/findings")
    pictures.take("trail", "/trail")
    pictures.take("warnings", "/warnings")
    pictures.take("keys", "/keys")
    pictures.take("hooks", "/hooks")
    pictures.take("hook", "/hooks/ops")
    pictures.take("api", "/schema", lambda page: page.locator("summary").nth(4).click())
    pictures.take("try", "/schema/try", execute)
    pictures.take("builds", "/builds")
    pictures.take("build", "/builds", build, color_scheme="dark")
    pictures.take("login", "/login")
    pictures.take("problem", "/nothing")
    pictures.take("restored", back, restore)
    whole = client.post("/v1/restore", json={"set_id": made["set_id"]})
    assert whole.status_code == 200, whole.text
    task = next(x for x in client.get("/v1/tasks").json()["tasks"] if x["kind"] == "restore")
    pictures.take("task", f"/tasks/{task['task_id']}")


def writers(pictures: Pictures, client: httpx.Client, made: dict[str, Any]) -> None:
    """The pages of those who work with rows."""
    rejected = client.get("/v1/rejections?table=hired_employees&limit=1").json()["rejections"][0]
    pictures.take("tables", "/tables")
    pictures.take("table-page", HIRES)
    pictures.take("rows", f"{HIRES}/rows?department_id=eq.3&order=name")
    pictures.take("row", "/tables/departments/rows/3")
    pictures.take("insert", f"{HIRES}/insert")
    pictures.take("file", f"{HIRES}/insert", choose)
    pictures.take("rejections", GROUP, correct)
    pictures.take("rejections-phone", GROUP, **PHONE)
    pictures.take("rejection", f"/rejections/{rejected['rejection_id']}")
    pictures.take("group", GROUP, look)


def readers(pictures: Pictures, client: httpx.Client, made: dict[str, Any]) -> None:
    """The pages of those who read."""
    pictures.take("reports", "/reports/")
    pictures.take("report", "/reports/hires_by_quarter?year=2021")
    pictures.take("mean", "/reports/departments_above_mean?year=2021")
    pictures.take("dictionary", "/dictionary/")
    pictures.take("table", "/dictionary/hired_employees")
    pictures.take("mart", "/dictionary/hires_by_quarter")


def choose(page: Page) -> None:
    """Chooses a file with faults, and waits until it was looked at."""
    lines = [f"{i};Grace H.;{HIRE['datetime']};{i % 12 + 1};7" for i in range(6001, 6101)]
    lines[7] = lines[7].replace("Grace H.", " ")
    lines[30:33] = [line.replace("2021-12", "2021-13") for line in lines[30:33]]
    lines[60] = f"6061;Grace H.;{HIRE['datetime']};99;"
    text = "\r\n".join(["ID;Name;Hired at;Department ID;job", *lines]).encode()
    file: Any = {"name": "hires.csv", "mimeType": "text/csv", "buffer": text}
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    page.locator(".verdict, .note.bad").first.wait_for(timeout=300_000)


def correct(page: Page) -> None:
    """Corrects a row, and tries another one in vain."""
    for value, done in ("3", "tr.settled"), ("99", "text=has no row with id 99"):
        page.locator(".work input[aria-invalid=true]").first.fill(value)
        page.keyboard.press("Enter")
        page.locator(done).first.wait_for()


def look(page: Page) -> None:
    """Looks at what a value for the whole group would do."""
    page.locator(".group input[name=value]").fill("3")
    page.get_by_role("button", name="What would happen?").click()
    page.locator("#preview").wait_for()


def build(page: Page) -> None:
    """Builds, and waits for the end."""
    page.get_by_role("button", name="Build now").click()
    page.get_by_text("✓ done").first.wait_for(timeout=300_000)


def execute(page: Page) -> None:
    """Executes a call."""
    page.locator(".opblock-tag").first.click()
    page.locator(".opblock").first.click()
    page.locator(".execute").first.click()
    page.locator(".live-responses-table .response").first.wait_for()


def restore(page: Page) -> None:
    """Restores what is compared."""
    page.get_by_label("Type hired_employees").fill("hired_employees")
    page.get_by_role("button", name="Restore", exact=True).click()
    page.wait_for_url("**done=*")


Take = Callable[[Pictures, httpx.Client, dict[str, Any]], None]
TAKEN: tuple[Take, ...] = (readers, writers, operators)


def main() -> int:
    """Takes all of them anew."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        sys.stderr.write(f"there is no {' or '.join(NAMES)}\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, receiving() as receiver:
        hooks = hooked(Path(folder), receiver.url)
        settings = settings_in(Path(folder), hooks=hooks)
        shutil.copytree(CHECKOUT / "seeds", settings.seeds)
        assert build_offline(settings).status == "done"
        warn_of(settings.warehouse)
        with serving(settings) as client, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            made = prepared(client)
            client.post("/v1/hooks/ops/test")
            receiver.wait(2)  # of the row that was kept out, and this
            for take in TAKEN:
                take(Pictures(browser, client), client, made)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
