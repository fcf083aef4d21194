"""The page that tries calls, in Chromium: by a session, by keys that are typed, and refused."""

from typing import Any

from service.access import keys_file
from tests.support.browser import watched
from tests.support.services import copied, serving

OPERATORS = {"width": 1280, "height": 900}


def test_a_call_takes_the_key_that_is_typed_and_no_session(browser, built, tmp_path):
    own = copied(built, tmp_path)
    _, boss = keys_file.create(own.keys_file, "boss", "operator", None, None)
    _, reader = keys_file.create(own.keys_file, "viewer", "reader", None, None)
    with serving(own) as client:
        base = str(client.base_url).rstrip("/")
        with watched(browser, base, viewport=OPERATORS) as context:
            page = context.new_page()
            page.goto("/login?to=/schema")
            page.get_by_label("Key").fill(boss)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/schema")
            page.goto("/schema/try#/tables/list_tables")
            assert executed(page, "list_tables") == "401"  # the session is the pages' alone
            type_key(page, reader)
            assert executed(page, "list_tables") == "200"
            answer = page.locator("[id$=list_tables] .live-responses-table").inner_text()
            assert "hired_employees" in answer
            page.goto("/schema/try#/backups/back_up_all_tables")
            page.reload()
            assert executed(page, "back_up_all_tables") == "401"  # what was typed is forgotten
            type_key(page, reader)
            assert executed(page, "back_up_all_tables") == "403"
            type_key(page, boss)
            assert executed(page, "back_up_all_tables") == "201"
        client.headers["X-API-Key"] = boss
        made = client.get("/v1/backups").json()["backups"]
        actors = {each["actor"] for each in client.get("/v1/trail").json()["entries"]}
    assert len(made) == 3
    assert "viewer" not in actors


def executed(page: Any, call: str) -> str:
    """The status of the answer to a call that is opened, once it is there."""
    place = page.locator(f"[id$={call}]")
    button = place.locator(".execute")
    button.wait_for(timeout=120_000)  # Swagger UI takes its time on a busy machine
    if (clear := place.locator(".btn-clear")).count():
        clear.click()
    button.evaluate("each => each.click()")  # a click of Playwright waits for what never comes
    status = place.locator(".live-responses-table .response .response-col_status")
    status.wait_for(timeout=60_000)
    return str(status.inner_text()).split()[0]


def type_key(page: Any, key: str) -> None:
    """Types a key under Authorize, instead of the one that was typed before."""
    page.locator(".auth-wrapper .authorize").click()
    dialog = page.locator(".dialog-ux")
    first = dialog.locator(".auth-container").first
    if (out := first.get_by_role("button", name="Remove authorization")).count():
        out.click()
    first.locator("input").fill(key)
    first.get_by_role("button", name="Apply").click()
    dialog.locator(".btn-done").first.click()


def test_without_keys_a_call_is_made_at_once(browser, reader):
    with watched(browser, str(reader.base_url).rstrip("/")) as context:
        page = context.new_page()
        page.goto("/schema/try#/tables/list_tables")
        assert executed(page, "list_tables") == "200"
