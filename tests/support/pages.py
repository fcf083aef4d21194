"""Pages as a browser without scripts sees them: links, and forms with their hidden fields."""

import re
from html import unescape
from typing import Any

import httpx

from tests.support.html_pages import Page

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}


def seen(client: httpx.Client, path: str, status: int = 200) -> Page:
    """The page at a path, well formed; it runs nothing and loads nothing from elsewhere."""
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text[:2000]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return checked(answer)


def checked(answer: httpx.Response) -> Page:
    """The page of an answer."""
    page = Page(answer.text)
    inline = {name for _, name in page.attributes if name == "style" or name.startswith("on")}
    assert inline == set()
    assert len(page.ids) == len({*page.ids})
    return page


def sent(client: httpx.Client, path: str, form: dict[str, Any], **more: Any) -> httpx.Response:
    """The answer to a form with these fields, and the token of the pages."""
    token = token_of(client)
    return client.post(path, data={"token": token, **form}, headers=HTML, **more)


def token_of(client: httpx.Client) -> str:
    """What each form of the pages brings along."""
    page = client.get("/tables/jobs/insert", headers=HTML)
    found = re.search(r'name="token" value="(\w+)"', page.text)
    assert found
    return found[1]


def links_with(page: Page, text: str) -> list[str]:
    """The places that links lead to that have `text` in them."""
    return [unescape(link) for tag, link in page.links if tag == "a" and text in link]
