"""Pages in Chromium: what a person sees and does, with mouse, keyboard, phone, or no scripts."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.browser import fits, serious, watched

HIRES = "/tables/hired_employees"
PAGES = (
    *("/", "/loads", "/backups", "/builds", "/schema", "/audit", "/trail", "/keys", "/warnings"),
    *("/dictionary/", "/dictionary/hired_employees", "/login", "/nothing"),
    *("/tables", HIRES, f"{HIRES}/rows", f"{HIRES}/rows?name=is.null", f"{HIRES}/rows/3"),
    *(f"{HIRES}/rows/3?_edit=true", f"{HIRES}/insert", "/rejections", "/hooks"),
    *("/reports/", "/reports/hires_by_quarter", "/reports/departments_above_mean?year=2021"),
    *("/reports/hires_over_time", "/reports/rejections_by_rule_and_day", "/reports/nothing"),
)


@pytest.fixture
def page(browser, reader) -> Iterator:
    """A page of a service that all tests share: they may look, and nothing else."""
    with watched(browser, url_of(reader)) as context:
        yield context.new_page()


def url_of(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def pages_of_entries(client: httpx.Client) -> list[str]:
    """The pages of a load that kept rows out, and of one of those rows."""
    rejected = client.get("/v1/rejections?table=hired_employees&limit=1").json()["rejections"][0]
    return [f"/loads/{rejected['load_id']}", f"/rejections/{rejected['rejection_id']}"]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_no_page_has_a_serious_fault_or_is_wider_than_the_window(browser, reader, scheme, width):
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 740}}
    with watched(browser, url_of(reader), **options) as context:
        page = context.new_page()
        for path in (*PAGES, *pages_of_entries(reader)):
            page.goto(path)
            assert fits(page), path
            assert page.evaluate("scrollY") == 0, path  # it begins at its top
            assert serious(page) == [], path


def test_what_a_page_loads_is_small_and_is_not_asked_for_again(page):
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - playwright wraps it
    page.goto("/tables/hired_employees/rows", wait_until="networkidle")  # it loads all there is
    for kind, most in ((".js", 50_000), (".css", 20_000)):
        sizes = [len(each.body()) for each in answers if each.url.endswith(kind)]
        assert sizes
        assert sum(sizes) < most
    page.goto("/dictionary/", wait_until="networkidle")
    sent = page.evaluate("performance.getEntriesByType('resource').map(e => e.transferSize)")
    assert set(sent) == {0}
