"""A row that is changed in place, or removed, by its page; and what was done to it."""

import re
import shutil
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from service.access import keys_file
from tests.support.browser import fits, serious, watched
from tests.support.pages import HTML, checked, links_with, seen, sent
from tests.support.services import serving, settings_in

ROWS = "/tables/hired_employees/rows"
MOMENT = "2021-06-14T09:30:00Z"
PHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def desk(built, tmp_path_factory) -> Iterator[httpx.Client]:
    """A client of a service that the tests of this file share; each has rows of its own."""
    own = settings_in(tmp_path_factory.mktemp("edits"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        yield client


def put_in(desk: httpx.Client, number: int, **other: Any) -> str:
    """A hire of that number is there; where its page is."""
    usual = {"id": number, "name": "Ada", "datetime": MOMENT, "department_id": 1, "job_id": 1}
    assert desk.post(f"/v1{ROWS}", json=[usual | other]).status_code == 201
    return f"{ROWS}/{number}"


def form_of(desk: httpx.Client, place: str) -> dict[str, str]:
    """What the form that changes a row is filled with, and its hidden fields."""
    html = desk.get(f"{place}?_edit=true", headers=HTML).text
    form = html[html.index('aria-label="The row"') : html.index("Leave it")]
    found = re.findall(r'name="([^"]+)"[^>]*? value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found if name != "token"}


def test_what_is_typed_over_a_row_is_put_in_its_place_and_the_history_has_both(desk):
    place = put_in(desk, 40_001)
    form = form_of(desk, place)
    assert "value.id" not in form
    assert (form["value.name"], form["value.datetime"], form["value.job_id"]) == (
        *("Ada", MOMENT),
        "1",
    )
    form |= {"value.name": "Grace <b>", "value.job_id": "2"}
    for _ in range(2):  # a second click finds that it is done
        done = sent(desk, place, form)
        assert done.status_code == 303, done.text
        assert done.headers["location"] == f"{place}?_done=changed"
    row = desk.get(f"/v1{place}").json()
    assert (row["name"], row["job_id"], row["datetime"]) == ("Grace <b>", 2, MOMENT)
    page = seen(desk, f"{place}?_done=changed&_history=true")
    assert "The row is as you said." in page.text
    assert "name Ada → Grace <b> , job_id 1 → 2" in page.text
    (load,) = links_with(page, "/loads/")
    told = seen(desk, load)
    assert "Rows changed in hired_employees" in told.text
    assert "1 received = 0 accepted + 0 rejected + 0 already present + 1 changed" in told.text


def test_a_row_with_faults_comes_back_as_it_was_typed_and_is_not_put_on_record(desk):
    place = put_in(desk, 40_002)
    loads = len(desk.get("/v1/loads?kind=change").json()["loads"])
    form = form_of(desk, place)
    wrong = {"value.name": " ", "value.department_id": "99", "value.datetime": "never"}
    answer = sent(desk, place, form | wrong)
    page = checked(answer)
    assert answer.status_code == 422
    assert "It was not changed: name, datetime, department_id." in page.text
    assert "departments has no row with id 99" in page.text
    assert 'value="never"' in page.html
    assert desk.get(f"/v1{place}").json()["name"] == "Ada"
    assert len(desk.get("/v1/loads?kind=change").json()["loads"]) == loads


@pytest.mark.parametrize("way", ["", "/remove"])
def test_what_someone_else_changed_meanwhile_is_not_overwritten(desk, way):
    place = put_in(desk, 40_010 + len(way))
    form = form_of(desk, place) | {"value.name": "mine"}
    assert desk.patch(f"/v1{place}", json={"name": "theirs"}).status_code == 200
    answer = sent(desk, f"{place}{way}", form)
    page = checked(answer)
    assert answer.status_code == 412
    assert "Someone has changed the row meanwhile; nothing was done." in page.text
    assert desk.get(f"/v1{place}").json()["name"] == "theirs"
    if not way:
        assert 'value="mine"' in page.html
        assert "There now: theirs" in page.text
        again = {**form, "tag": unescape(re.findall(r'name="tag" value="([^"]*)"', page.html)[0])}
        assert sent(desk, place, again).status_code == 303
        assert desk.get(f"/v1{place}").json()["name"] == "mine"


def test_what_is_not_typed_over_stays_whatever_it_is(browser, desk):
    """A browser sends a form back as it was filled; line ends in it are its own."""
    names = ["two\nlines", "\nfirst", "a\r\nb", "a\rb", " a ", "<&\"'>"]
    with watched(browser, str(desk.base_url).rstrip("/"), java_script_enabled=False) as context:
        page = context.new_page()
        for number, name in enumerate(names, 41_000):
            page.goto(f"{put_in(desk, number, name=name)}?_edit=true")
            page.locator("[name='value.job_id']").fill("2")
            page.get_by_role("button", name="Save").click()
            page.get_by_text("The row is as you said.").wait_for()
            row = desk.get(f"/v1{ROWS}/{number}").json()
            assert (row["name"], row["job_id"]) == (name, 2)


def test_a_row_is_removed_and_its_page_says_what_it_was(desk):
    place = put_in(desk, 40_003, name="Gone G.")
    form = form_of(desk, place)
    kept = {name: form[name] for name in ("tag", "once")}
    assert sent(desk, f"{place}/remove", kept).headers["location"] == place
    assert desk.get(f"/v1{place}").status_code == 404
    page = seen(desk, place)
    assert "There is no such row any more. It was removed." in page.text
    assert "name Gone G." in page.text
    assert "Edit" not in page.text
    assert sent(desk, place, form).status_code == 404
    seen(desk, f"{ROWS}/40009", 404)  # there was none


def test_a_row_that_others_refer_to_is_not_removed(desk):
    place = "/tables/departments/rows/3"
    page = seen(desk, place)
    assert "It cannot be removed while rows refer to it." in page.text
    tag = form_of(desk, place)
    answer = sent(desk, f"{place}/remove", tag)
    assert answer.status_code == 409
    assert "refer" in checked(answer).text
    assert desk.get(f"/v1{place}").status_code == 200


def test_it_goes_in_a_browser_without_scripts_on_a_phone_and_by_the_keyboard(browser, desk):
    place = put_in(desk, 40_004)
    base = str(desk.base_url).rstrip("/")
    with watched(browser, base, java_script_enabled=False, **PHONE) as context:
        page = context.new_page()
        page.goto(place)
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("name", exact=False).first.fill("Without scripts")
        assert fits(page)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("The row is as you said.").wait_for()
    assert desk.get(f"/v1{place}").json()["name"] == "Without scripts"
    with watched(browser, base) as context:
        page = context.new_page()
        page.goto(f"{place}?_edit=true")
        assert serious(page) == []
        page.get_by_label("name", exact=False).first.fill("By keys")
        page.keyboard.press("Enter")
        page.get_by_text("The row is as you said.").wait_for()
        page.get_by_text("Without scripts").first.wait_for()  # the history comes by itself
        assert serious(page) == []
        page.get_by_text("Remove this row").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("There is no such row any more.").wait_for()


def test_who_may_not_change_rows_is_offered_nothing_and_is_refused(built, tmp_path):
    own = settings_in(tmp_path)
    shutil.copy(built.warehouse, own.warehouse)
    keys_file.create(own.keys_file, "boss", "operator", None, None)
    _, writer = keys_file.create(own.keys_file, "writer", "writer", None, None)
    with serving(own) as client:
        client.headers["X-API-Key"] = writer
        page = seen(client, f"{ROWS}/3?_edit=true")
        assert not {"Edit", "Save", "Remove this row"} & {*page.pieces}
        for path in (f"{ROWS}/3", f"{ROWS}/3/remove"):
            answer = client.post(path, data={"tag": "*"}, headers=HTML)
            assert answer.status_code == 403
