"""``make screenshots``: pictures of the pages for docs/console.md.

They are WebP, which takes a third of PNG. Nothing compares them: they are for people.
"""

import base64
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from service.dbt.runner import build_offline
from tests.support import CHECKOUT
from tests.support.browser import FLAGS, NAMES
from tests.support.services import serving, settings_in

FOLDER = CHECKOUT / "docs" / "screenshots"
WIDTH, HEIGHT, QUALITY = 1160, 760, 72
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


def operators(pictures: Pictures, client: httpx.Client, made: dict[str, Any]) -> None:
    """The pages of those who run the service."""
    loads = client.get("/v1/loads?kind=history").json()["loads"]
    ids = {each["table"]: each["backup_id"] for each in made["backups"]}
    phone: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    pictures.take("overview", "/")
    pictures.take("overview-phone", "/", **phone)
    pictures.take("load", f"/loads/{next(x['load_id'] for x in loads if x['rejected'])}")
    pictures.take("backups", "/backups")
    pictures.take("restore", f"/tables/hired_employees/restore?backup={ids['hired_employees']}")
    pictures.take("references", f"/tables/departments/restore?backup={ids['departments']}")
    pictures.take("audit", "/audit/findings")
    pictures.take("trail", "/trail")
    pictures.take("api", "/schema", lambda page: page.locator("summary").nth(4).click())
    pictures.take("build", "/builds", build, color_scheme="dark")


def build(page: Page) -> None:
    """Builds, and waits for the end."""
    page.get_by_role("button", name="Build now").click()
    page.get_by_text("✓ done").first.wait_for(timeout=300_000)


TAKEN: tuple[Callable[[Pictures, httpx.Client, dict[str, Any]], None], ...] = (operators,)


def main() -> int:
    """Takes all of them anew."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        sys.stderr.write(f"there is no {' or '.join(NAMES)}\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder))
        shutil.copytree(CHECKOUT / "seeds", settings.seeds)
        assert build_offline(settings).status == "done"
        with serving(settings) as client, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            made = prepared(client)
            for take in TAKEN:
                take(Pictures(browser, client), client, made)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
