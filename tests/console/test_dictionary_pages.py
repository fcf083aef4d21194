"""The dictionary for people: all that it says, escaped, and as the JSON says it."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.console.pages import number
from service.dictionary.rule_words import ROW_VIOLATIONS
from service.dictionary.rules import KINDS
from tests.support.answers import is_problem
from tests.support.contract import Contract
from tests.support.html_pages import Page
from tests.support.projects import Project
from tests.support.services import client_of, serving

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SLOW = "/dictionary/dbt"  # made when it is first asked for
HOSTILE = '<script>alert(1)</script> & "it\'s" `<b>code</b>`'
COLUMNS = f"""
- name: id
  data_type: integer
  description: Number of the thing.
  constraints: [{{type: primary_key}}]
  data_tests: [not_null, unique, in_range: {{arguments: {{min: 1, max: 99}}}}]
  config: {{meta: {{example: 7, synonyms: [nr, "<i>No</i>"]}}}}
- name: note
  data_type: varchar
  description: {json.dumps(HOSTILE)}
  data_tests:
    - not_blank
    - max_length: {{arguments: {{length: 12}}}}
    - min_length: {{arguments: {{length: 1}}}}
    - matches: {{arguments: {{regex: "[a-z <>]*"}}}}
  config: {{meta: {{example: "<img src=x onerror=alert(1)>"}}}}
- name: shift
  data_type: varchar
  description: Day or night.
  data_tests: [accepted_values: {{arguments: {{values: ["day", "<night>"]}}}}]
- name: department_id
  data_type: integer
  description: Whose it is.
  data_tests: [relationships: {{arguments: {{to: ref('departments'), field: id}}}}]
- name: seen_at
  data_type: timestamp
  description: When it was seen.
  data_tests:
    - utc_datetime
    - not_in_future
    - expression_is_true: {{arguments: {{expression: "> '1900-01-01'"}}}}
"""
MART = """
groups:
  - name: people
    owner: {name: People <Data>, email: people@example.org}
models:
  - name: things_by_shift
    description: One row per shift. It counts things.
    config: {group: people}
    data_tests:
      - unique_combination_of_columns: {arguments: {combination_of_columns: [shift, note]}}
    columns:
      - {name: shift, data_type: varchar, description: The shift., data_tests: [not_null]}
      - {name: note, data_type: varchar, description: The note.}
      - {name: things, data_type: bigint, description: How many.}
exposures:
  - name: shift_board
    label: The board of shifts
    type: dashboard
    url: javascript:alert(1)
    description: Shows things by shift.
    depends_on: [ref('things_by_shift')]
    owner: {name: Ada, email: ada@example.org}
"""
# Where the project has no such data test yet.
UNIQUE_COMBINATION = """
{% test unique_combination_of_columns(model, combination_of_columns) %}
select {{ combination_of_columns | join(', ') }} from {{ model }} group by all having count(*) > 1
{% endtest %}
"""
ROWS = [
    {"id": 1, "note": "fits", "shift": "day", "department_id": 1},
    {"id": 1, "note": " ", "department_id": 9},
    {"id": 100, "note": "x" * 13, "shift": "noon"},
    {"id": None},
    {"id": 2, "seen_at": "2021-07-27T16:02:08+02:00", "<b>x</b>": 1},
    {"id": 3, "seen_at": "soon"},
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with one more table, mart and exposure than are shipped: YAML, and no Python."""
    project = Project(tmp_path_factory.mktemp("pages"))
    project.model("things", COLUMNS, "departments", about="thing. It is odd")
    marts = project.folder / "dbt_project" / "models" / "marts"
    (marts / "things_by_shift.yml").write_text(MART)
    (marts / "things_by_shift.sql").write_text(
        "select shift, note, count(*) as things from {{ ref('things') }} group by all\n"
    )
    macros = project.folder / "dbt_project" / "macros"
    if not any("test unique_combination" in path.read_text() for path in macros.rglob("*.sql")):
        (macros / "unique_combination.sql").write_text(UNIQUE_COMBINATION)
    project.write("departments", "id,department\n1,First\n")
    project.build(marts=True)
    with serving(project.settings) as client:
        contract = Contract(client.get("/schema").json())
        client.event_hooks["response"].append(contract.check)
        assert client.post("/v1/tables/things/rows", json=ROWS).status_code == 207
        yield client


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    """The same as JSON."""
    return dict(client.get("/v1/dictionary").json())


def page_of(client: httpx.Client, path: str) -> Page:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


@pytest.fixture(scope="module")
def pages(client: httpx.Client, document: dict[str, Any]) -> dict[str, Page]:
    """Every page there is, by its path."""
    names = [each["name"] for each in (*document["tables"], *document["marts"])]
    paths = ["/", "/dictionary", "/dictionary?whole=true"]
    paths += [f"/dictionary/{name}" for name in names]
    return {path: page_of(client, path) for path in paths}


def said(part: Any, name: str = "") -> Iterator[str]:
    """The texts and numbers of a part of the document, as people read them."""
    if isinstance(part, dict):
        for key, value in part.items():
            # What is behind a link, or for programs: the rule's words say the same.
            if key not in ("arguments", "contract", "href", "url", "email", "kind", "rule", "test"):
                yield from said(value, key)
    elif isinstance(part, list):
        for each in part:
            yield from said(each, name)
    elif isinstance(part, str):
        yield " ".join(part.replace("`", " ").split())
    elif isinstance(part, int) and not isinstance(part, bool):
        yield number(part) if name in ("rows", "open", "ever", "open_rejections") else str(part)


def test_the_whole_page_says_all_that_the_json_says(
    pages: dict[str, Page], document: dict[str, Any]
) -> None:
    text = pages["/dictionary?whole=true"].text.replace("`", " ")
    assert {each for each in said(document) if each not in text} == set()


def test_a_page_of_its_own_says_what_is_said_of_a_table_or_mart(
    pages: dict[str, Page], document: dict[str, Any]
) -> None:
    for entry in (*document["tables"], *document["marts"]):
        text = pages[f"/dictionary/{entry['name']}"].text
        assert [each for each in said(entry) if each not in text] == []


def test_every_kind_of_rule_is_told_in_words_with_its_arguments(
    pages: dict[str, Page], document: dict[str, Any]
) -> None:
    things = next(each for each in document["tables"] if each["name"] == "things")
    words = {rule["rule"]: rule["words"] for each in things["columns"] for rule in each["rules"]}
    assert words == {
        "in_range": "at least 1 and at most 99",
        "not_null": "a value is required",
        "unique": "different in every row",
        "max_length": "at most 12 characters",
        "min_length": "at least 1 character",
        "matches": "of the form [a-z <>]*",
        "not_blank": "not blank",
        "not_in_future": "not in the future",
        "expression_is_true": "> '1900-01-01'",
        "accepted_values": "one of day, <night>",
        "relationships": "the id of a row in departments",
        "utc_datetime": "in UTC, written like 2021-07-27T16:02:08Z",
    }
    assert words.keys() == KINDS.keys()
    assert all(each in pages["/dictionary/things"].text for each in words.values())
    reasons = {each["rule"] for each in document["rules"]}
    assert reasons == KINDS.keys() | ROW_VIOLATIONS.keys()


def test_what_breaks_it_most_is_counted_by_column_and_rule(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    things = next(each for each in document["tables"] if each["name"] == "things")
    counted = {
        (each["column"], each["rule"]): (each["open"], each["ever"]) for each in things["breaks"]
    }
    assert counted == {
        ("id", "unique"): (1, 1),
        ("id", "in_range"): (1, 1),
        ("id", "not_null"): (1, 1),
        ("note", "not_blank"): (1, 1),
        ("note", "max_length"): (1, 1),
        ("shift", "accepted_values"): (1, 1),
        ("department_id", "relationships"): (1, 1),
        ("seen_at", "utc_datetime"): (1, 1),
        ("seen_at", "type"): (1, 1),
        (None, "unknown_field"): (1, 1),
    }
    assert things["open_rejections"] == 5
    words = {(each["column"], each["rule"]): each["words"] for each in things["breaks"]}
    assert words["note", "max_length"] == "at most 12 characters"
    assert words["seen_at", "type"].startswith("a date and time")


def test_a_dismissed_row_is_not_open_any_more_and_another_one_counts_at_once(
    client: httpx.Client,
) -> None:
    def counts() -> list[tuple[int, int]]:
        jobs = client.get("/dictionary/jobs").json()
        return [(each["open"], each["ever"]) for each in jobs["breaks"]]

    assert counts() == []
    sent = client.post("/v1/tables/jobs/rows", json=[{"id": 0, "job": "x"}, {"id": -1, "job": "x"}])
    assert counts() == [(2, 2)]
    client.delete(f"/v1/rejections/{sent.json()['rejections'][0]['rejection_id']}")
    assert counts() == [(1, 2)]
    client.post(
        f"/v1/rejections/{sent.json()['rejections'][1]['rejection_id']}/replay",
        json={"id": 5, "job": "x"},
    )
    assert counts() == [(0, 2)]


def test_references_are_told_both_ways_and_lead_there(pages: dict[str, Page]) -> None:
    assert ("a", "/dictionary/departments#departments.id") in pages["/dictionary/things"].links
    departments = pages["/dictionary/departments"]
    assert "departments.id" in departments.ids
    assert ("a", "/dictionary/things") in departments.links
    assert ("a", "/dictionary/hired_employees") in departments.links


def test_a_mart_tells_its_grain_its_owner_and_what_it_is_made_of(
    pages: dict[str, Page], document: dict[str, Any]
) -> None:
    mart = next(each for each in document["marts"] if each["name"] == "things_by_shift")
    assert mart["key"] == ["shift", "note"]
    assert mart["grain"] == "One row per shift."
    assert mart["owner"] == {"name": "People <Data>", "email": "people@example.org"}
    assert mart["made_of"] == ["things"]
    assert mart["columns"][0]["tests"] == [
        {"test": "not_null", "words": "a value is required", "arguments": {}}
    ]
    things = next(each for each in document["tables"] if each["name"] == "things")
    assert things["marts"] == ["things_by_shift"]
    assert ("a", "mailto:people@example.org") in pages["/dictionary/things_by_shift"].links


def test_who_uses_it_is_told_and_no_address_that_is_none_is_followed(
    pages: dict[str, Page], document: dict[str, Any]
) -> None:
    [board] = [each for each in document["exposures"] if each["name"] == "The board of shifts"]
    assert (board["type"], board["made_of"]) == ("dashboard", ["things_by_shift"])
    assert "The board of shifts" in pages["/dictionary"].text
    assert not [link for _, link in pages["/dictionary"].links if "alert" in link]


def test_what_the_yaml_says_is_text_and_never_markup(
    client: httpx.Client, pages: dict[str, Page]
) -> None:
    text = pages["/dictionary/things"].text
    assert '<script>alert(1)</script> & "it\'s" <b>code</b>' in text
    assert "<img src=x onerror=alert(1)>" in text
    assert "<i>No</i>" in text
    raw = client.get("/dictionary/things", headers=HTML).text
    assert "&lt;script&gt;" in raw
    assert "<code>&lt;b&gt;code&lt;/b&gt;</code>" in raw
    assert "<b>x</b>" not in client.get("/dictionary?whole=true", headers=HTML).text


def test_pages_run_nothing_and_load_from_here_alone(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        assert not {"style", "iframe", "object"} & {*page.elements}, path
        assert page.elements.count("script") == len([1 for tag, _ in page.links if tag == "script"])
        inline = {name for _, name in page.attributes if name == "style" or name.startswith("on")}
        assert inline == set(), path
        for tag, link in page.links:
            assert not link.startswith("//"), (path, link)
            assert re.match(r"/|#|mailto:", link) or (tag == "a" and "://" in link), (path, link)
            if tag in ("link", "script"):
                assert link.startswith("/static/"), (path, link)


def test_every_link_within_the_pages_leads_somewhere(
    client: httpx.Client, pages: dict[str, Page]
) -> None:
    links = {(path, link) for path, page in pages.items() for tag, link in page.links if tag == "a"}
    elsewhere = {}  # each is asked for once, however many pages lead there
    for path, link in links:
        target, _, place = link.partition("#")
        if target.startswith("/dictionary/") and target.rstrip("/") in pages:
            target = target.rstrip("/")
        if place:
            assert place in pages[target or path].ids, (path, link)
        elif link.startswith("/") and link not in pages and not link.startswith(SLOW):
            elsewhere[link] = path
    with client_of(client.base_url) as browser:
        for link, path in elsewhere.items():
            assert browser.get(link, headers=HTML).status_code == 200, (path, link)


def test_the_places_of_a_page_are_there_once_and_headings_go_down_by_one(
    pages: dict[str, Page],
) -> None:
    for path, page in pages.items():
        assert len(page.ids) == len({*page.ids}), path
        levels = [int(each[1]) for each in page.elements if re.fullmatch("h[1-6]", each)]
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert page.elements.count("main") == page.elements.count("h1") == 1
        assert ("th", "scope") in page.attributes or "table" not in page.elements


def test_a_page_has_the_strict_policy_and_tells_where_its_forms_come_from(
    client: httpx.Client,
) -> None:
    for path in ("/", "/dictionary", "/dictionary/jobs"):
        headers = client.get(path, headers=HTML).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["vary"].split(", ")[0] == "Accept"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/html;q=0.1, application/json", "application/json"),
        (HTML["Accept"], "text/html; charset=utf-8"),
    ],
)
def test_programs_get_json_and_people_pages(client: httpx.Client, accept: str, kind: str) -> None:
    for path in ("/", "/dictionary", "/dictionary/jobs", "/dictionary/hires_by_quarter"):
        answer = client.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"] == kind
        assert answer.headers["vary"].split(", ")[0] == "Accept"
    assert is_problem(
        client.get("/dictionary", headers={"Accept": "text/csv"}), 406, "not-acceptable"
    )


def test_the_json_of_the_pages_is_that_of_the_api(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    now = client.get("/v1/dictionary").json()
    assert client.get("/dictionary").json() == now
    for each in (*now["tables"], *now["marts"]):
        assert client.get(f"/dictionary/{each['name']}").json() == each


def test_an_unknown_name_is_told_with_the_known_ones(client: httpx.Client) -> None:
    answer = client.get("/dictionary/%3Cscript%3E")
    assert is_problem(answer, 404, "not-found")
    assert "things" in answer.json()["known"]
    assert is_problem(client.get("/dictionary?hole=true"), 400, "bad-request")


def test_the_pages_are_small(client: httpx.Client) -> None:
    for path in ("/", "/dictionary", "/dictionary/hired_employees"):
        assert len(client.get(path, headers=HTML).content) < 100_000


def test_index_and_api_lead_to_the_dictionary(client: httpx.Client) -> None:
    assert client.get("/").json()["links"]["dictionary"] == "/dictionary/"
    assert "`/dictionary/`" in client.get("/schema").json()["info"]["description"]
    assert ("a", "/dictionary/") in page_of(client, "/").links
    assert httpx.get(f"{client.base_url}/dictionary/", headers=HTML).status_code == 200


@pytest.mark.parametrize("kind", ["json-schema", "avro", "odcs"])
def test_the_contract_of_a_table_is_read_by_its_format(client: httpx.Client, kind: str) -> None:
    answer = client.get("/v1/tables/things/schema", params={"format": kind})
    assert answer.status_code == 200
    name = re.search(r'filename="(things\.[\w.]+)"', answer.headers["content-disposition"])
    assert name
    assert Path(name[1]).suffix in (".json", ".avsc", ".yaml")
    assert is_problem(client.get("/v1/tables/nothing/schema"), 404, "unknown-table")
    assert is_problem(client.get("/v1/tables/things/schema?format=xml"), 400, "bad-request")
