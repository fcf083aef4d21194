"""The operator's journey in Chromium: back up, compare, restore, undo; by whatever means."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.access import keys_file
from service.dbt.runner import one_at_a_time
from tests.support.browser import fits, serious, watched
from tests.support.services import serving, settings_in

ELSEWHERE = {"locale": "de-DE", "timezone_id": "Asia/Kolkata"}
PHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True}


@pytest.fixture(scope="module")
def desk(built, tmp_path_factory) -> Iterator[tuple[httpx.Client, str]]:
    """A service with a key, that all tests of this file change; and the key."""
    own = settings_in(tmp_path_factory.mktemp("desk"))
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    _, key = keys_file.create(own.keys_file, "boss", "operator", None, None)
    with serving(own) as client:
        client.headers["X-API-Key"] = key
        yield client, key


def journey(browser: Any, desk: tuple[httpx.Client, str], job: int, **options: Any) -> None:
    """Logs in, backs up, has a job more, restores what was there, and undoes that."""
    client, key = desk
    with watched(browser, str(client.base_url).rstrip("/"), **options) as context:
        page = context.new_page()
        page.goto("/backups?table=jobs")
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/backups?table=jobs")
        page.get_by_role("button", name="Back up now").click()
        page.get_by_text("Backed up").wait_for()
        rows = [{"id": job, "job": "Baker"}]
        assert client.post("/v1/tables/jobs/rows", json=rows).status_code == 201
        page.get_by_role("link", name="Restore…").first.click()
        page.get_by_text("Rows then").wait_for()
        assert "− 1" in page.locator(".difference").inner_text()
        assert fits(page)
        if options.get("java_script_enabled", True):  # axe is a script
            assert serious(page) == []
        page.get_by_label("Type jobs").fill("jobs")
        page.get_by_role("button", name="Restore", exact=True).click()
        page.wait_for_url("**/restore?done=*")
        assert client.get(f"/v1/tables/jobs/rows/{job}").status_code == 404
        assert fits(page)
        page.get_by_role("button", name="Undo").click()
        page.wait_for_url(lambda url: "done=" in url)
        page.get_by_role("link", name="On record").click()
        page.get_by_role("heading", name="Restore into jobs").wait_for()
        assert client.get(f"/v1/tables/jobs/rows/{job}").status_code == 200
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")


def test_a_table_goes_back_and_forth(browser, desk):
    journey(browser, desk, 901)


def test_it_goes_without_scripts(browser, desk):
    journey(browser, desk, 902, java_script_enabled=False)


def test_it_goes_on_a_phone_at_night(browser, desk):
    journey(browser, desk, 903, **PHONE)


def test_by_the_keyboard_alone(browser, desk):
    client, key = desk
    with watched(browser, str(client.base_url).rstrip("/")) as context:
        page = context.new_page()
        page.goto("/builds")
        page.keyboard.type(key)  # the field has the focus
        page.keyboard.press("Enter")
        page.wait_for_url("**/builds")
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focused(page) == "Build now"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        with one_at_a_time:  # so that it has not ended before it is cancelled
            page.keyboard.press("Enter")
            page.wait_for_url(re.compile(r"/builds/[\w-]+$"))
            page.locator("progress, .soft").first.wait_for()
            tab_to(page, "Cancel")
            page.keyboard.press("Enter")
            page.wait_for_load_state()
        page.get_by_text("Cancelled on request.").wait_for(timeout=60_000)
        assert page.locator("[hx-get]").count() == 0  # it has stopped asking


def tab_to(page: Any, words: str) -> None:
    """Presses Tab until what has the focus says `words`."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused(page) == words:
            return
    raise AssertionError(f"{words} is not reached by Tab")


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_times_are_in_utc_wherever_the_browser_is(browser, desk):
    client, key = desk
    base = str(client.base_url).rstrip("/")
    started = client.get("/v1/loads?kind=history").json()["loads"][0]["started_at"]
    with watched(browser, base, extra_http_headers={"X-API-Key": key}, **ELSEWHERE) as context:
        page = context.new_page()
        page.goto("/loads?kind=history")
        time = page.locator("tbody time").first
        assert time.inner_text() == started[:19].replace("T", " ")
        assert time.get_attribute("datetime") == f"{started[:19]}Z"
        assert page.get_by_text("UTC", exact=True).is_visible()
        assert "1\u2009923" in page.locator("tbody").inner_text()  # and not 1.923


def test_a_page_that_no_one_looks_at_asks_for_nothing(browser, desk):
    client, key = desk
    base = str(client.base_url).rstrip("/")
    with watched(browser, base, extra_http_headers={"X-API-Key": key}) as context:
        context.clock.install()
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/")
        with page.expect_response("**/activity"):
            page.clock.run_for(11_000)
        hidden = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
        page.evaluate(hidden % "true")
        asked.clear()
        page.clock.run_for(60_000)
        assert asked == []
        page.evaluate(hidden % "false")
        with page.expect_response("**/activity"):
            page.clock.run_for(11_000)


def test_a_form_is_sent_once_however_often_its_button_is_clicked(browser, desk):
    client, key = desk
    base = str(client.base_url).rstrip("/")
    before = len(client.get("/v1/backups?limit=1000").json()["backups"])
    with watched(browser, base) as context:
        page = context.new_page()
        page.goto("/login?to=/backups")
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/backups")
        page.locator("select[name=table]").select_option("jobs")
        page.get_by_role("button", name="Back up now").dblclick()
        page.get_by_text("Backed up").wait_for()
    assert len(client.get("/v1/backups?limit=1000").json()["backups"]) == before + 1
