"""Journeys through the pages of rows in Chromium: a file dropped, rows corrected by keyboard."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import fits, serious, watched
from tests.support.services import serving, settings_in
from tests.support.uploads import MOMENT

# With ';' and a header: 30 sound rows, 6 without a department, one of an unknown department.
LINES = [
    "id;name;datetime;department_id;job_id",
    *(f"{i};Ada Byron;{MOMENT};{i % 12 + 1};1" for i in range(40_001, 40_031)),
    *(f"{i};\u0645\u0631\u064a\u0645;{MOMENT};;1" for i in range(40_031, 40_037)),
    f"40037;Grace;{MOMENT};99;1",
]
WRONG = ".work input[aria-invalid=true]"
DROP = """([text, name]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, {type: 'text/csv'}));
  const form = document.querySelector('form[data-drop]');
  for (const type of ['dragover', 'drop'])
    form.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def url(built, tmp_path_factory) -> Iterator[str]:
    """Where a service of this file's own is."""
    own = settings_in(tmp_path_factory.mktemp("grid"))
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def page(browser, url) -> Iterator[Any]:
    with watched(browser, url, viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


def told(page: Any) -> str:
    """How many rows are open, accepted and dismissed."""
    return " ".join(page.locator("#groups .counts").inner_text().split())


def focused(page: Any) -> Any:
    return page.evaluate("() => document.activeElement.getAttribute('aria-label')")


def dropped(page: Any, name: str, lines: list[str] = LINES) -> None:
    page.goto("/tables/hired_employees/insert")
    page.evaluate(DROP, ["\n".join(lines) + "\n", name])
    page.wait_for_url(re.compile(r"/insert/\w{32}"))


def test_a_file_is_dropped_looked_at_loaded_and_corrected(page):
    dropped(page, "hires.csv")
    page.wait_for_selector(".verdict")
    assert page.locator(".verdict").inner_text() == "30 rows go in, 7 do not."
    assert "delimiter ';', header, UTF-8" in page.locator(".lead").inner_text()
    assert page.locator("td.wrong").count() == 7
    page.get_by_role("button", name="Load 30 rows").dblclick()
    page.wait_for_selector("text=30 rows went in")
    page.get_by_role("link", name="7 to correct").click()
    page.wait_for_selector("#groups")
    assert told(page) == "7 open · 0 accepted · 0 dismissed"

    # One row, in its cell.
    page.get_by_role("link", name="department_id refers to no row").click()
    field = page.locator(WRONG)
    assert field.input_value() == "99"
    field.fill("3")
    field.press("Enter")
    page.wait_for_selector("tr.settled")
    page.wait_for_selector("#groups .counts:has-text('6 open')")
    assert told(page) == "6 open · 1 accepted · 0 dismissed"

    # One value for all others, after a look at what it would do.
    page.get_by_role("link", name="department_id missing").click()
    page.wait_for_url(re.compile("rule=not_null"))
    page.get_by_label("Set department_id to").fill("4")
    page.get_by_role("button", name="What would happen?").click()
    page.wait_for_selector("#preview")
    assert "6 rows with department_id = 4: 6 go in." in page.locator("#preview").inner_text()
    page.get_by_role("button", name="Set department_id in 6 rows").click()
    page.wait_for_selector("text=6 rows accepted")
    assert told(page) == "0 open · 7 accepted · 0 dismissed"


def test_rows_are_corrected_by_keyboard_alone(page):
    page.goto("/rejections?table=hired_employees&column=department_id&rule=not_null")
    before = int(told(page).split()[0])
    places = [each.get_attribute("aria-label") for each in page.locator(WRONG).all()]
    page.locator(WRONG).first.focus()
    for done, place in enumerate(places[:3], 1):
        assert focused(page) == place
        page.keyboard.type("3")
        page.keyboard.press("Enter")
        # On to the next value that is wrong.
        page.wait_for_selector(f"{WRONG}[aria-label='{places[done]}']:focus")
    assert page.locator("tr.settled").count() == 3
    page.wait_for_selector(f"#groups .counts:has-text('{before - 3} open')")
    # What fails again stays where it is, with what was typed.
    page.keyboard.type("99")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=departments has no row with id 99")
    page.wait_for_selector(f"{WRONG}[aria-label='{places[3]}'][value='99']:focus")


def test_without_scripts_a_file_is_chosen_looked_at_and_loaded(browser, url, tmp_path: Path):
    file = tmp_path / "more.csv"
    file.write_text("\n".join(line.replace("400", "410") for line in LINES[:5]) + "\n", "utf-8")
    with watched(browser, url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/tables/hired_employees/insert")
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_role("button", name="Look at it").click()
        page.wait_for_selector(".verdict")  # the page asks for itself again, meanwhile
        assert page.locator(".verdict").inner_text() == "4 rows go in, 0 do not."
        page.get_by_role("button", name="Load 4 rows").click()
        page.wait_for_selector("text=4 rows went in")
        page.goto("/rejections?table=hired_employees&column=job_id&rule=not_null")
        page.locator(".work input").first.fill("7")
        page.locator(".work input").first.press("Enter")
        page.wait_for_selector("text=accepted")
        page.goto("/tables/hired_employees/rows?department_id=eq.3")
        page.get_by_role("link", name="Show counts").click()
        page.wait_for_selector("#facets h2")


def test_facets_come_by_themselves_and_lead_on(page):
    page.goto("/tables/hired_employees/rows")
    page.wait_for_selector("#facets h2")
    page.locator("#facets a", has_text="Customer Care").click()
    page.wait_for_url(re.compile(r"department_id=eq\.3"))
    assert page.locator(".chips li").inner_text().startswith("department_id = 3")
    page.get_by_role("link", name="name", exact=True).click()
    page.wait_for_url(re.compile("order=name"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_a_journey_has_a_serious_fault_on_a_screen_or_a_phone(browser, url, scheme):
    options = {"color_scheme": scheme, "viewport": {"width": 1280, "height": 900}}
    with watched(browser, url, **options) as context:
        page = context.new_page()
        lines = [line.replace("400", "420") for line in LINES]
        dropped(page, f"{scheme}.csv", lines)
        page.wait_for_selector(".verdict")
        places = [page.url.removeprefix(url), "/rejections?status=accepted"]
        page.goto("/rejections")
        first = page.locator(".work tbody th a").first.get_attribute("href") or ""
        for path in (*places, first, "/tables/departments/rows/3", "/tables/jobs/rows?_counts=1"):
            page.goto(path)
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 900})
                assert serious(page) == [], path
                assert width > 360 or fits(page), path
