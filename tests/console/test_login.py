"""Logging in: a session for pages alone, for as long as its key counts; forms of ours alone."""

import re
import shutil
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute

from service.access import keys_file
from service.access.roles import ROLES, may
from service.api.http.authentication import needs_of
from service.api.http.cookies import cookie, session_of
from service.api.http.describing import OPEN, description_of
from service.app import create_app
from service.console.forms import URLENCODED
from service.console.pages import FOLDER_OF_TEMPLATES
from tests.support.answers import is_problem
from tests.support.services import serving, settings_in

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {**HTML, "Sec-Fetch-Site": "same-origin"}
COOKIE = "gatehouse_session"


@pytest.fixture(scope="module")
def keyed(built, tmp_path_factory) -> Iterator[tuple[httpx.Client, dict[Any, str]]]:
    """A service with a key of each role, and those keys."""
    own = settings_in(tmp_path_factory.mktemp("keyed"))
    shutil.copy(built.warehouse, own.warehouse)
    keys = {role: made(own, role) for role in reversed(ROLES)}
    with serving(own) as client:
        yield client, keys


def made(settings, role, name=None):
    return keys_file.create(settings.keys_file, name or f"the-{role}", role, None, None)[1]


@pytest.fixture
def visit(keyed):
    """A function that logs in with the key of a role; what it returns has the cookie."""
    client, keys = keyed

    def logged_in(role="operator"):
        browser = httpx.Client(base_url=client.base_url, headers=OWN)
        answer = browser.post("/login", data={"key": keys[role], "to": "/"})
        assert answer.status_code == 303
        return browser

    return logged_in


def token_of(page):
    (token,) = set(re.findall(r'name="token" value="(\w+)"', page.text))
    return token


def test_a_page_leads_to_the_login_and_back(keyed):
    client, keys = keyed
    answer = client.get("/dictionary/?whole=true", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?to=%2Fdictionary%3Fwhole%3Dtrue"
    login = client.get(answer.headers["location"], headers=HTML)
    assert 'value="/dictionary?whole=true"' in login.text
    said = {"key": keys["reader"], "to": "/dictionary/?whole=true"}
    answer = client.post("/login", data=said, headers=OWN)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/dictionary/?whole=true"
    client.cookies.clear()


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_ends_with_the_browser(keyed):
    client, keys = keyed
    said = []
    for _ in range(2):
        answer = client.post("/login", data={"key": keys["reader"]}, headers=OWN)
        client.cookies.clear()
        said.append(answer.headers["set-cookie"])
    first, second = said
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}; HttpOnly; SameSite=Strict; Path=/", first)
    assert first != second


def test_a_client_cannot_choose_the_id_of_a_session(keyed):
    client, keys = keyed
    chosen = {"Cookie": f"{COOKIE}=chosen", **OWN}
    answer = client.post("/login", data={"key": keys["reader"]}, headers=chosen)
    assert "chosen" not in answer.headers["set-cookie"]
    client.cookies.clear()
    assert client.get("/", headers=chosen).status_code == 303
    assert "set-cookie" not in client.get("/login", headers=HTML).headers


def test_a_login_that_fails_says_why_and_begins_nothing(keyed):
    client, keys = keyed
    for key in ("", "wrong", keys["reader"] + "x"):
        answer = client.post("/login", data={"key": key, "to": "/dictionary/"}, headers=OWN)
        assert answer.status_code == 401
        assert "This is no key of this service." in answer.text
        assert 'value="/dictionary/"' in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "x",
        "/a\nb",
        "/a\\b",
        "/日本",
        "",
    ],
)
def test_the_login_leads_to_pages_of_this_service_alone(keyed, to):
    client, keys = keyed
    answer = client.post("/login", data={"key": keys["reader"], "to": to}, headers=OWN)
    assert answer.headers["location"] == "/"
    client.cookies.clear()


def test_who_is_logged_in_is_led_to_nothing_that_takes_a_key(visit):
    """Links of pages, and what they let people save."""
    browser = visit()
    for path in (
        *("/reports/hires_by_quarter", "/reports/departments_above_mean", "/dictionary/"),
        *("/dictionary/jobs", "/tables/jobs", "/tables/jobs/rows", "/tables/jobs/rows/1"),
    ):
        answer = browser.get(path, headers=HTML)
        assert answer.status_code == 200, path
        links = re.findall(r'<a [^>]*href="(/[^"#]*)', answer.text)
        assert len(links) > 5, path
        assert [link for link in links if link.startswith("/v1/")] == [], path
        for saved in re.findall(r'href="([^"]+)" download', answer.text):
            assert browser.get(unescape(saved)).status_code == 200, saved


def test_a_session_counts_for_pages_alone(visit):
    browser = visit()
    assert browser.get("/").status_code == 200
    assert browser.get("/dictionary/").status_code == 200
    for path in ("/v1/tables", "/v1/keys", "/metrics"):
        assert is_problem(browser.get(path), 401, "unauthorized")
    row = {"id": 999, "job": "x"}
    assert browser.post("/v1/tables/jobs/rows", json=row).status_code == 401


def test_a_key_in_a_header_opens_pages_too(keyed):
    client, keys = keyed
    for headers in ({"X-API-Key": keys["reader"]}, {"Authorization": f"Bearer {keys['reader']}"}):
        assert client.get("/dictionary/", headers={**HTML, **headers}).status_code == 200
    wrong = {**HTML, "X-API-Key": "wrong"}
    assert client.get("/dictionary/", headers=wrong).status_code == 303


def test_after_the_logout_it_is_of_no_use(visit):
    browser = visit()
    cookie = browser.cookies[COOKIE]
    answer = browser.post("/logout", data={"token": token_of(browser.get("/"))})
    assert answer.headers["location"] == "/login"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    browser.cookies.set(COOKIE, cookie)
    assert browser.get("/").status_code == 303


def test_a_login_ends_the_session_before(keyed, visit):
    browser = visit("reader")
    before, token = browser.cookies[COOKIE], token_of(browser.get("/"))
    said = {"key": keyed[1]["operator"], "to": "/", "token": token}
    assert browser.post("/login", data=said).status_code == 303
    assert browser.get("/").status_code == 200
    browser.cookies.clear()
    browser.cookies.set(COOKIE, before)
    assert browser.get("/").status_code == 303


def test_a_form_needs_its_token_and_a_page_of_ours(visit):
    browser, other = visit(), visit()
    token = token_of(browser.get("/"))
    for given in ("", "x", token_of(other.get("/"))):
        answer = browser.post("/logout", data={"token": given})
        assert answer.status_code == 403
        assert "too old" in answer.text
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": str(browser.base_url)},
    ):
        answer = browser.post("/logout", data={"token": token}, headers=headers)
        assert answer.status_code == 403, headers
    older = httpx.Client(base_url=browser.base_url, cookies=browser.cookies, headers=HTML)
    for origin in ({}, {"Origin": "null"}, {"Origin": "http://evil.example"}):
        assert older.post("/logout", data={"token": token}, headers=origin).status_code == 403
    assert browser.get("/").status_code == 200  # still logged in
    own = {"Origin": str(browser.base_url).rstrip("/")}
    assert older.post("/logout", data={"token": token}, headers=own).status_code == 303


def test_the_login_is_a_form_of_ours_too(keyed):
    client, keys = keyed
    foreign = {**HTML, "Sec-Fetch-Site": "cross-site"}
    answer = client.post("/login", data={"key": keys["reader"]}, headers=foreign)
    assert answer.status_code == 403


def test_a_link_on_another_site_leads_to_the_page_all_the_same(visit):
    """By SameSite=Strict the cookie is not sent then; the page asks for itself once more."""
    browser = visit()
    bare = httpx.Client(base_url=browser.base_url, headers=HTML)
    answer = bare.get("/dictionary/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in answer.text
    assert "departments" not in answer.text


def test_a_key_that_is_revoked_or_over_ends_its_sessions(settings, serve):
    boss = made(settings, "operator", "boss")
    mine = made(settings, "reader", "mine")
    with serve(settings) as client:
        client.headers.update(OWN)
        client.post("/login", data={"key": mine})
        assert client.get("/").status_code == 200
        keys_file.revoke(settings.keys_file, "mine", None)
        assert client.get("/").status_code == 303
        answer = client.post("/login", data={"key": mine})
        assert "This key was revoked." in answer.text
        client.post("/login", data={"key": boss})
        assert "boss" in client.get("/").text
        said = client.get("/v1/trail", headers={"X-API-Key": boss}).json()["entries"]
        begun = [each for each in said if each["action"] == "session.begin"]
        assert [each["actor"] for each in begun] == ["boss", "mine"]


def test_without_keys_this_machine_is_in_and_a_banner_says_so(reader):
    page = httpx.get(f"{reader.base_url}/", headers=HTML).text
    assert "There is no key yet" in page
    assert "this machine" in page
    assert "Log out" not in page
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}, {"Via": "1.1 x"}):
        answer = httpx.get(f"{reader.base_url}/", headers={**HTML, **headers})
        assert answer.status_code in (403, 421), headers
    assert "There is no key yet" not in httpx.get(f"{reader.base_url}/", headers={"Via": "x"}).text


def test_with_keys_there_is_no_banner_but_a_name_and_a_role(visit):
    page = visit("writer").get("/").text
    assert "There is no key yet" not in page
    assert "<b>the-writer</b> · writer" in page


def test_a_problem_is_a_page_for_people_and_a_document_for_programs(visit):
    browser = visit("reader")
    for path in ("/nothing", "/dictionary/nothing"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "<h1>Not found</h1>" in answer.text
        assert is_problem(browser.get(path, headers={"Accept": "*/*"}), 404, "not-found")
    assert is_problem(browser.get("/v1/nothing"), 404, "not-found")
    part = browser.get("/dictionary/nothing", headers={"HX-Request": "true"})
    assert part.status_code == 404
    assert "<html" not in part.text
    browser.cookies.clear()
    part = browser.get("/dictionary/", headers={"HX-Request": "true"})
    assert part.headers["hx-redirect"] == "/login"


def parts(built):
    """Every form and fragment of a page, with its method."""
    for route in create_app(built).routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                    if description_of(handler).part:
                        yield route.path, str(method), handler


def test_every_form_has_a_token_and_is_refused_to_smaller_roles(built, visit):
    browsers = {role: visit(role) for role in ROLES}
    tokens = {role: token_of(browser.get("/")) for role, browser in browsers.items()}
    seen = set()
    for path, method, handler in parts(built):
        assert description_of(handler).page, path
        if method == "GET":
            continue
        # Of a form with a file in it, the handler itself asks for the token.
        file = None if "form" in handler.parsed_fn_signature.parameters else {"file": ("x", b"x")}
        needs = needs_of(handler, method, built)
        seen.add(path)
        url = re.sub(r"{\w+:\w+}", "jobs" if file else "nothing", path)
        bare = httpx.post(f"{browsers['reader'].base_url}{url}", headers=OWN)
        assert needs == OPEN or bare.headers["location"].startswith("/login"), path
        for role, browser in browsers.items():
            # One that is let in gets as far as the token.
            said = {"token": "" if may_be(role, needs) else tokens[role]}
            answer = browser.post(url, data=said, files=file)
            assert answer.status_code == 403, (path, role)
            assert ("too old" in answer.text) == may_be(role, needs), (path, role)
    assert seen >= {"/login", "/logout"}


def may_be(role, needs):
    return needs == OPEN or may(role, needs)


def test_a_form_is_read_as_a_form_alone(visit):
    browser = visit()
    token = token_of(browser.get("/"))
    odd = {"Content-Type": URLENCODED}
    assert browser.post("/logout", json={"token": token}).status_code == 415
    for content in (b"token=%FF", b"\xff", b"a=1&" * 20_001):
        assert browser.post("/logout", content=content, headers=odd).status_code == 400
    answer = browser.post("/logout", content=b"a" * 5_000_000, headers=odd)
    assert answer.status_code == 413


def test_templates_have_nothing_that_the_policy_forbids_and_each_form_its_token():
    paths = sorted(FOLDER_OF_TEMPLATES.glob("*.html"))
    assert paths
    for path in paths:
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|hx-on|\bjs:|<style|javascript:", text), path.name
        assert not re.search(r'hx-trigger="[^"]*\[', text), path.name
        assert not re.search(r"<script(?! src=)", text), path.name
        for form in re.findall(r"<form\b.*?</form>", text, re.DOTALL):
            is_post = "post" in form.partition(">")[0]
            assert ("{{ token }}" in form) == is_post, (path.name, form[:80])


def test_over_tls_the_cookie_is_bound_to_this_host():
    scope = {"scheme": "https"}
    said = cookie(scope, "abc")
    assert said == f"__Host-{COOKIE}=abc; HttpOnly; SameSite=Strict; Path=/; Secure"
    assert session_of(scope, {b"cookie": b"a=b; __Host-gatehouse_session=abc"}) == "abc"
    assert session_of(scope, {b"cookie": b"gatehouse_session=abc"}) is None
    twice = b"gatehouse_session=a; gatehouse_session=b"
    assert session_of({"scheme": "http"}, {b"cookie": twice}) is None


def test_idle_sessions_end_by_the_settings(settings):
    own = msgspec.structs.replace(settings, session_idle_minutes=1, session_hours=1)
    sessions = create_app(own).state.sessions
    assert (sessions._idle_seconds, sessions._seconds) == (60, 3600)
