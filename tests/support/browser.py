"""A real Chromium, that of the system, which looks at pages of a service.

One is started for the tests of a file; each test has a context of its own. Whatever a page
complains of fails the test: an error or warning in the console, a violation of the policy, a
request to another host, an answer that says that the service failed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # it takes long to import, and most processes of a run need no browser
    from playwright.sync_api import Browser, BrowserContext, Page

# Set where a missing browser is a failure: in CI.
REQUIRED = "BROWSER_REQUIRED"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A machine of tests has no sandbox for root, and little shared memory.
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb")
TIMEOUT = 60_000  # milliseconds; on a machine that does much else a page took over 20,000


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The browser; where there is none, the test is skipped, or fails in CI.

    Of a file's tests and no longer: while playwright is there, its event loop runs in the thread of
    the tests, and others could not run their own.
    """
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = f"there is no {' or '.join(NAMES)}"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{missing}, and {REQUIRED} is set")
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def watched(browser: "Browser", base_url: str, **options: Any) -> Iterator["BrowserContext"]:
    """A context whose pages complain of nothing; `options` are those of playwright's contexts."""
    context = browser.new_context(base_url=base_url, **options)
    context.set_default_timeout(TIMEOUT)
    complaints: list[str] = []
    context.on("page", lambda page: _listen(page, base_url, complaints))
    try:
        yield context
    finally:
        context.close()
    assert complaints == []


def _listen(page: "Page", base_url: str, complaints: list[str]) -> None:
    def console(message: Any) -> None:
        # Chromium says so of each answer from 400 on; tests look at those that are meant.
        is_answer = message.text.startswith("Failed to load resource") and " of 4" in message.text
        if message.type in ("error", "warning") and not is_answer:
            complaints.append(f"{page.url}: {message.type}: {message.text}")

    def answered(response: Any) -> None:
        if response.status >= 500:
            complaints.append(f"{page.url}: {response.status} of {response.url}")

    def asked(request: Any) -> None:
        if not request.url.startswith((base_url, "data:", "blob:")):
            complaints.append(f"{page.url}: asked for {request.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("response", answered)
    page.on("request", asked)


def serious(page: "Page") -> list[str]:
    """What axe finds serious or critical on a page, by rule, with the elements."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {'; '.join(node['html'] for node in each['nodes'])}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def fits(page: "Page") -> bool:
    """Whether nothing of a page lies beyond the right edge of the window."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )
