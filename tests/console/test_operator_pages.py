"""The pages of those who run the service: what they show, what they do, what they refuse."""

import re
import shutil
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from service.access import keys_file
from service.access.roles import ROLES
from service.console import difference_pages, task_pages
from service.console.api_page import shown_calls
from service.console.samples import sample
from service.dbt.runner import one_at_a_time
from tests.support.answers import ended, is_problem
from tests.support.contract import Contract
from tests.support.html_pages import Page
from tests.support.services import serving, settings_in
from tests.support.workers import PAUSE

HTML = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
JSON = {"Accept": "application/json"}
HOSTILE = "<img src=x onerror=alert(1)>.csv"


@pytest.fixture(scope="module")
def desk(built, tmp_path_factory) -> Iterator[httpx.Client]:
    """A service that all tests of this file use, and may change."""
    own = settings_in(tmp_path_factory.mktemp("desk"))
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        client.headers.update(HTML)
        rows = [{"id": 900, "job": "Clockmaker"}, {"id": 901, "job": " "}]
        assert client.post("/v1/tables/jobs/rows", json=rows).status_code == 207
        yield client


def seen(desk: httpx.Client, path: str, status: int = 200) -> Page:
    """A page, which is well formed."""
    answer = desk.get(path)
    while 'id="compared" hx-get' in answer.text:  # it takes long
        PAUSE(0.1)
        answer = desk.get(path)
    assert answer.status_code == status, answer.text[:500]
    page = Page(answer.text)
    assert len(page.ids) == len(set(page.ids)), path
    assert page.elements.count("h1") == page.elements.count("main") == 1
    return page


def send(desk: httpx.Client, path: str, **fields: object) -> httpx.Response:
    """Fills in a form of any page and sends it."""
    token = re.search(r'name="token" value="(\w+)"', desk.get("/keys").text)
    assert token
    answer = desk.post(path, data={"token": token[1], **fields})
    while (at := answer.headers.get("location", "")).startswith("/tasks/"):  # it takes long
        following = desk.get(at)
        if following.status_code == 200 and "hx-trigger" not in following.text:
            break  # that of a set is its own page
        if following.status_code == 200:
            PAUSE(0.1)
        else:
            answer = following
    return answer


def program(desk: httpx.Client, path: str) -> dict:
    return dict(desk.get(path, headers={"Accept": "application/json"}).json())


def test_the_overview_says_how_each_table_is(desk):
    page = seen(desk, "/")
    rows = {each["name"]: each["rows"] for each in desk.get("/v1/tables").json()}
    assert f"{sum(rows.values()):,}".replace(",", "\u2009") in desk.get("/").text
    for name in rows:
        assert ("a", f"/dictionary/{name}") in page.links or ("a", f"/tables/{name}") in page.links
    assert "77 rejected rows wait to be corrected" in page.text
    assert "just now" in page.text
    part = desk.get("/activity", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert 'hx-trigger="every 10s"' in part


def test_loads_are_listed_filtered_and_leafed_through(desk):
    assert "raw_hired_employees.csv" in seen(desk, "/loads").text
    page = seen(desk, "/loads?table=jobs&kind=batch&status=")
    assert "batch" in page.text
    assert "raw_" not in page.text
    assert "There is no such load." in seen(desk, "/loads?kind=restore&table=nothing").text
    seen(desk, "/loads?after=x", 400)


def test_a_load_shows_its_sum_as_one_bar_and_its_lines(desk):
    load = next(each for each in program(desk, "/v1/loads")["loads"] if each["rejected"] == 76)
    page = seen(desk, f"/loads/{load['load_id']}")
    assert "2 000 received = 1 923 accepted + 76 rejected + 1 already present" in page.text
    assert "Lines of the file All 2 001 Header 1 Blank 0 Skipped 0 Of records 2 000" in page.text
    assert "hx-trigger" not in desk.get(f"/loads/{load['load_id']}").text
    widths = re.findall(
        r'class="\w+"(?: x="[\d.]+")? width="([\d.]+)"', desk.get(f"/loads/{load['load_id']}").text
    )
    assert [float(each) for each in widths] == [1000, 961.5, 38.0, 0.5]
    seen(desk, "/loads/nothing", 404)
    assert send(desk, f"/loads/{load['load_id']}/cancel").status_code == 409
    assert send(desk, "/loads/nothing/cancel").status_code == 404


def test_a_file_that_is_loaded_is_followed_and_can_be_cancelled(desk):
    with one_at_a_time:  # so that it has not ended before it is cancelled
        answer = desk.post(
            "/v1/tables/jobs/files",
            params={"filename": HOSTILE},
            content="id,job\n10000,job\n",
            headers={"Content-Type": "text/csv"},
        )
        load = answer.headers["location"].removeprefix("/v1")
        text = desk.get(f"{load}/state").text
        assert 'hx-trigger="every 1s"' in text
        assert "<progress" in text
        assert "Now" in seen(desk, "/").text
        assert send(desk, f"{load}/cancel").headers["location"] == load
    ended(desk, f"/v1{load}")
    page = seen(desk, load)
    assert "Cancelled on request." in page.text
    assert HOSTILE in page.text
    assert "<img" not in desk.get(load).text
    assert "hx-trigger" not in desk.get(load).text
    assert HOSTILE in seen(desk, "/loads").text
    trail = program(desk, "/v1/trail?action=load.cancel")["entries"]
    assert [each["subject"] for each in trail] == [load.removeprefix("/loads/")]
    assert program(desk, "/v1/audit")["ok"]


def test_backups_are_made_checked_fetched_and_deleted(desk):
    made = send(desk, "/backups").headers["location"]
    page = seen(desk, made)
    assert "Backed up" in page.text
    assert "Restore all…" in page.text
    one = send(desk, "/backups", table="jobs").headers["location"].partition("made=")[2]
    assert "✓" in seen(desk, f"/backups?checked={one}").text
    assert one not in desk.get("/backups?table=departments").text
    file = desk.get(f"/backups/{one}/file")
    assert file.content[:4] == b"Obj\x01"
    assert "attachment" in file.headers["content-disposition"]
    assert send(desk, f"/backups/{one}/delete").status_code == 303
    assert one not in desk.get("/backups").text
    seen(desk, f"/backups/{one}/file", 404)
    assert send(desk, "/backups", table="nothing").status_code == 404


def test_a_restore_is_compared_typed_done_and_undone(desk):
    made = send(desk, "/backups", table="jobs").headers["location"].partition("made=")[2]
    before = jobs(desk)
    assert "Nothing differs" in seen(desk, f"/tables/jobs/restore?backup={made}").text
    desk.post("/v1/tables/jobs/rows", json=[{"id": 950, "job": "Baker"}])
    page = seen(desk, f"/tables/jobs/restore?backup={made}")
    assert f"Rows now {before + 1} Come back + 0 Go − 1 Change ~ 0 Rows then {before}" in page.text
    for word in ("", "departments", "JOBS"):
        answer = send(desk, "/tables/jobs/restore", backup=made, word=word)
        assert answer.status_code == 422
        assert "nothing was changed" in answer.text
    assert jobs(desk) == before + 1
    after = send(desk, "/tables/jobs/restore", backup=made, word="jobs").headers["location"]
    assert jobs(desk) == before
    text = desk.get(after).text
    assert "Done." in Page(text).text
    undo = re.search(r'name="backup" value="([^"]+)"', text)
    assert undo
    send(desk, "/tables/jobs/restore", backup=undo[1], word="jobs")
    assert jobs(desk) == before + 1


def test_the_rows_that_a_restore_would_change_are_shown(desk):
    first = send(desk, "/backups", table="jobs").headers["location"].partition("made=")[2]
    rows = [{"id": i, "job": f"Job <{i}>"} for i in range(960, 970)]
    desk.post("/v1/tables/jobs/rows", json=rows)
    second = send(desk, "/backups", table="jobs").headers["location"].partition("made=")[2]
    page = seen(desk, f"/tables/jobs/restore?backup={first}")
    assert "Go 10 id job 960 Job <960>" in page.text
    at = f"/backups/{first}/difference?kind=removed"
    assert ("a", at) in page.links
    assert seen(desk, at).text.count("Job <") == 10
    send(desk, "/tables/jobs/restore", backup=first, word="jobs")
    desk.post("/v1/tables/jobs/rows", json=[{"id": 960, "job": "Other"}])
    page = seen(desk, f"/tables/jobs/restore?backup={second}")
    assert "Come back 9 id job 961 Job <961>" in page.text
    assert "Change 1 id job 960 Other → Job <960>" in page.text
    assert "There are none." in seen(desk, f"/backups/{second}/difference?kind=removed").text
    assert is_problem(
        desk.get(f"/backups/{first}/difference?kind=x", headers=JSON), 400, "bad-request"
    )
    send(desk, "/tables/jobs/restore", backup=first, word="jobs")


def test_what_takes_long_is_followed_on_a_page_of_its_own(desk, monkeypatch):
    monkeypatch.setattr(task_pages, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(difference_pages, "PATIENCE_SECONDS", 0)
    token = re.search(r'name="token" value="(\w+)"', desk.get("/keys").text)
    assert token
    at = desk.post("/backups", data={"token": token[1], "table": "jobs"}).headers["location"]
    assert at.startswith("/tasks/")
    while (state := desk.get(f"{at}/state")).headers.get("hx-redirect") is None:
        assert 'hx-trigger="every 1s"' in state.text
        assert "<progress" in state.text
        PAUSE(0.05)
    assert desk.get(at).headers["location"] == state.headers["hx-redirect"]
    made = state.headers["hx-redirect"].partition("made=")[2]
    desk.post("/v1/tables/jobs/rows", json=[{"id": 970, "job": "Cooper"}])
    text = desk.get(f"/tables/jobs/restore?backup={made}").text
    polled = re.search(r'id="compared" hx-get="([^"]+)"', text)
    assert polled
    while "hx-get" in (part := desk.get(unescape(polled[1])).text):
        PAUSE(0.05)
    assert "Cooper" in part
    desk.post("/v1/tables/jobs/rows", json=[{"id": 971, "job": "later"}])  # which does not matter
    part = desk.get(unescape(polled[1])).text
    assert "later" not in part
    assert "Type" in part


def jobs(desk):
    return next(each["rows"] for each in desk.get("/v1/tables").json() if each["name"] == "jobs")


def test_a_restore_that_would_break_references_says_which(desk):
    made = send(desk, "/backups").headers["location"].partition("made=")[2]
    found = program(desk, "/v1/backups?limit=10")["backups"]
    departments = next(each for each in found if each["table"] == "departments")["backup_id"]
    hire = {"id": 5005, "name": "Ada", "datetime": "2021-12-11T08:00:00Z"}
    rows = {
        "departments": [{"id": 71, "department": "New"}],
        "hired_employees": [{**hire, "department_id": 71, "job_id": 7}],
    }
    assert desk.post("/v1/rows", json=rows).status_code == 201
    page = seen(desk, f"/tables/departments/restore?backup={departments}")
    assert "It cannot be restored as things are." in page.text
    assert "hired_employees department_id departments 1 5005" in page.text
    assert "Type departments" not in page.text
    whole = seen(desk, f"/restore?of={made}")
    assert whole.text.count("Rows now") == 3
    assert send(desk, "/restore", backup=made, word="departments").status_code == 422
    done = send(desk, "/restore", backup=made, word="all tables")
    assert done.status_code == 303
    task = desk.get(done.headers["location"]).text
    told = Page(task).text
    assert "Restored 3 tables" in told
    assert (told.count("Rows before"), told.count("Rows now"), "Rows then" in told) == (3, 3, False)
    each = re.findall(r'name="each" value="([^"]+)"', task)
    assert len(each) == 3
    assert desk.get("/v1/tables/departments/rows/71").status_code == 404
    assert send(desk, "/restore", each=each, word="all tables").status_code == 303
    assert desk.get("/v1/tables/departments/rows/71").status_code == 200


def test_a_build_is_begun_followed_and_says_what_it_did(desk):
    with one_at_a_time:
        at = send(desk, "/builds").headers["location"]
        assert 'hx-trigger="every 1s"' in desk.get(f"{at}/state").text
        assert "hx-get" in desk.get("/builds").text
        assert send(desk, f"{at}/cancel").headers["location"] == at
    ended(desk, f"/v1{at}")
    page = seen(desk, at)
    assert "✗ failed" in page.text
    assert "Cancelled on request." in page.text
    assert send(desk, f"{at}/cancel").status_code == 409
    assert "cancelled on request" in seen(desk, "/builds").text
    seen(desk, "/builds/nothing", 404)


def test_a_plan_is_told_and_is_no_build(desk):
    at = send(desk, "/builds", dry_run="true").headers["location"]
    ended(desk, f"/v1{at}")
    assert "The dictionary is that of the last build." in seen(desk, at).text
    assert "only a plan" in seen(desk, "/builds").text
    assert ("a", at) not in seen(desk, "/").links


def test_the_audit_is_begun_by_its_button_and_names_what_it_looked_at(desk):
    assert "Check now" in desk.get("/audit").text
    page = seen(desk, "/audit/findings")
    assert "✓ All" in page.text
    for check in program(desk, "/v1/audit")["checks"]:
        assert check["name"] in page.text


def test_the_trail_shows_who_did_what_and_leads_there(desk):
    page = seen(desk, "/trail?action=load")
    assert any(link.startswith("/loads/") for _, link in page.links)
    assert "backup.create" not in page.text
    assert "Nothing of the kind" in seen(desk, "/trail?actor=nobody").text


def test_keys_are_made_shown_once_and_revoked(settings, serve):
    with serve(settings) as desk:
        desk.headers.update(HTML)
        for said in (
            {"name": "a b", "role": "operator"},
            {"name": "a", "role": "reader"},
            {"name": "a", "role": "king"},
        ):
            answer = send(desk, "/keys", days="", **said)
            assert answer.status_code in (409, 422), said
            assert 'role="alert"' in answer.text
            assert 'value="a' in answer.text
        answer = send(desk, "/keys", name="boss", role="operator", days="365")
        assert answer.status_code == 201
        assert "There is no key yet" not in answer.text
        found = re.search(r"gatehouse_[0-9a-f]{64}", answer.text)
        assert found
        assert desk.get("/keys").status_code == 303
        desk.post("/login", data={"key": found[0]})
        page = desk.get("/keys").text
        assert found[0] not in page
        assert "<b>boss</b> · operator" in page
        send(desk, "/keys", name="other", role="reader", days="")
        assert send(desk, "/keys/other/revoke").status_code == 303
        assert "revoked just now" in Page(desk.get("/keys").text).text
        assert send(desk, "/keys/nobody/revoke").status_code == 404


def test_what_a_role_may_not_do_is_not_offered(settings, serve):
    keys = {
        role: keys_file.create(settings.keys_file, role, role, None, None)[1]
        for role in reversed(ROLES)
    }
    with serve(settings) as desk:
        offered = {}
        for role, key in keys.items():
            desk.headers.update({**HTML, "X-API-Key": key})
            desk.post("/v1/backups")
            said = "".join(desk.get(path).text for path in ("/", "/backups", "/builds", "/loads"))
            offered[role] = {
                each: each in said
                for each in (
                    "Back up now",
                    "Build now",
                    "Restore…",
                    "Check<",
                    "Delete",
                    ">Keys<",
                    ">Trail<",
                    ">Audit<",
                )
            }
            assert 'method="post"' not in said or role == "operator"
    assert all(offered["operator"].values())
    assert [each for each, there in offered["reader"].items() if there] == [">Audit<"]
    assert offered["writer"] == offered["reader"]


def test_the_api_page_has_every_call_with_a_curl_that_works(desk):
    document = program(desk, "/schema")
    page = seen(desk, "/schema")
    assert len(desk.get("/schema").content) < 100_000
    assert page.text.count("If-None-Match") == 1
    calls = shown_calls(document, "http://here", keyed=True)
    shown = {
        (each.method.lower(), path)
        for group in calls.values()
        for each in group
        for path in (each.path, *each.others)
    }
    assert shown == {
        (method, path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "pages" not in operation["tags"]
    }
    assert all(each.summary in page.text for group in calls.values() for each in group)
    insert = next(each for each in calls["rows"] if each.anchor.startswith("insert_rows"))
    assert insert.curl.startswith("curl http://here/v1/")
    assert '-H "Authorization: Bearer $KEY"' in insert.curl
    assert "-H 'Content-Type: application/json' -d '" in insert.curl
    assert desk.get("/schema?raw=true").headers["content-type"] == "application/json"


def test_the_example_of_each_body_fits_its_schema(desk):
    document = program(desk, "/schema")
    contract = Contract(document)
    for item in document["paths"].values():
        for operation in item.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                contract.validator(body["schema"]).validate(sample(document, body["schema"]))


def test_a_cancelled_load_is_told_by_http_too(desk, settings):
    assert is_problem(desk.delete("/v1/loads/nothing", headers={"Accept": "*/*"}), 404, "not-found")
    done = program(desk, "/v1/loads?kind=batch")["loads"][0]["load_id"]
    assert is_problem(desk.delete(f"/v1/loads/{done}", headers={"Accept": "*/*"}), 409, "conflict")
