"""HEAD, OPTIONS, entity tags, compression, slashes: of every call that the document has."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import zstandard

from service.console.static_files import static_url
from service.runtime.settings import Settings
from tests.support.answers import ended
from tests.support.contract import Contract, operations
from tests.support.services import client_of, serving_by, settings_in

# They are never the same twice: what counts goes on counting, a form has a token of its own, and
# an audit says when it was.
IDS = ("load_id", "backup_id", "set_id", "copy_id")
COUNTS = ("/metrics", "/health/ready", "/tables/jobs/insert", "/audit/findings")
COMPRESSED_BEFORE = ("/static/", "/dictionary/dbt")
STREAMED = ".csv"
PLAIN = {"Accept-Encoding": "identity"}
OF_THE_MOMENT = ("date", "x-request-id", "transfer-encoding")
WITHOUT_ANSWER = (
    "link",
    "content-disposition",
    "content-type",
    "content-length",
    "content-encoding",
    *OF_THE_MOMENT,
)


class Made(NamedTuple):
    """A service in which there is one of everything, and the paths of the document with it."""

    client: httpx.Client
    paths: dict[str, str]  # path of the document: a URL of it
    methods: dict[str, set[str]]
    created: list[httpx.Response]  # the answers that were 201

    def gets(self) -> Iterator[str]:
        """The URLs of all calls by GET."""
        return (self.paths[path] for path, methods in self.methods.items() if "GET" in methods)


@pytest.fixture(scope="module")
def made(built: Settings, contract: Contract, tmp_path_factory: Any) -> Iterator[Made]:
    own = settings_in(tmp_path_factory.mktemp("reads"))
    own.warehouse.write_bytes(built.warehouse.read_bytes())
    with serving_by(contract, own) as client:
        yield Made(client, *_one_of_everything(client))


# Of services that have a lake, or hooks: they have tests of their own. A task that has ended
# leads on.
ELSEWHERE = ("/v1/lake", "/v1/changes", "/v1/hooks/{", "/hooks/{", "/tasks/{")


def _one_of_everything(client: httpx.Client) -> Any:
    document = client.get("/schema").json()
    post = client.post
    bad = post("/v1/tables/jobs/rows", json=[{"id": 901}]).json()["rejections"][0]
    bad = bad["rejection_id"]
    created = [
        post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "New"}]),
        post("/v1/rows", json={"jobs": [{"id": 902, "job": "New"}]}),
        post(f"/v1/rejections/{bad}/replay", json={"id": 901, "job": "New"}),
        post("/v1/tables/jobs/backups"),
        post("/v1/backups"),
        post("/v1/copies"),
    ]
    assert [answer.status_code for answer in created] == [201] * len(created)
    build = post("/v1/builds").json()["build_id"]
    client.delete(f"/v1/builds/{build}")
    ended(client, f"/v1/builds/{build}")  # which outdates dbt's docs
    created.append(post("/v1/keys", json={"name": "boss", "role": "operator"}))
    client.headers["X-API-Key"] = created[-1].json()["key"]
    known = {
        "load_id": created[0].json()["load_id"],
        "rejection_id": bad,
        "backup_id": created[3].json()["backup_id"],
        "copy_id": created[5].json()["copy_id"],
        "build_id": build,
        "task_id": client.get("/v1/tasks").json()["tasks"][0]["task_id"],
        "row_id": "1",
        "table": "jobs",
        "ending": "csv",
    }
    paths: dict[str, str] = {}
    methods: dict[str, set[str]] = {}
    for path, method, _ in operations(document):
        if path.startswith(ELSEWHERE):
            continue
        is_report = path.startswith(("/reports/{", "/v1/reports/"))
        name = "boss" if path.startswith("/v1/keys") else "jobs"
        name = "departments_above_mean" if is_report else name
        query = "?year=2021" if is_report and "hires_over" not in path else ""
        query = "?column=id" if path.endswith("/facets") else query
        query = f"?of={created[4].json()['set_id']}" if path == "/restore" else query
        url = path.format(**known, name=name, version="") + query
        paths[path] = static_url("app.css") if path.startswith("/static") else url
        methods.setdefault(path, set()).add(method.upper())
    client.get(paths["/restore"])  # which begins to compare, and is another page when that is done
    for task in client.get("/v1/tasks").json()["tasks"]:
        ended(client, f"/v1/tasks/{task['task_id']}")
    return paths, methods, created


def headers_of(answer: httpx.Response, but: tuple[str, ...] = OF_THE_MOMENT) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in but}


def test_head_is_wherever_get_is_with_the_same_headers_and_no_body(made: Made):
    for url in made.gets():
        got, head = made.client.get(url), made.client.head(url)
        assert (got.status_code, head.status_code, head.content) == (200, 200, b""), url
        if url in COUNTS:
            assert headers_of(got).keys() == headers_of(head).keys()
        else:
            assert headers_of(got) == headers_of(head), url


def test_options_and_405_name_every_method_of_a_path(made: Made):
    for path, methods in made.methods.items():
        others = {"HEAD", "OPTIONS"} if "GET" in methods else {"OPTIONS"}
        options = made.client.options(made.paths[path])
        allowed = options.headers["allow"]
        assert (options.status_code, allowed) == (204, ", ".join(sorted(allowed.split(", "))))
        # Forms of pages are sent where the page is, and are no calls of the document.
        forms = set() if path.startswith("/v1/") else {"POST"}
        assert {*allowed.split(", ")} - forms == (methods | others) - forms, path
        for wrong in {"PUT", "HEAD"} - methods - others:
            refused = made.client.request(wrong, made.paths[path])
            assert (refused.status_code, refused.headers["allow"]) == (405, allowed), path


def test_who_has_an_answer_already_is_told_so(made: Made):
    for turn, url in enumerate(made.gets()):
        if url in COUNTS:
            continue
        got = made.client.get(url)
        tag = got.headers["etag"]
        same = (tag, f'"other", {tag}', "*", tag.removeprefix("W/"))
        others = ('"other"', tag[:-1], "", tag.strip('W/"'), '"' * 99)
        for known in {tag, same[turn % len(same)]}:
            again = made.client.get(url, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), url
            assert headers_of(again, WITHOUT_ANSWER) == headers_of(got, WITHOUT_ANSWER), url
            head = made.client.head(url, headers={"If-None-Match": known})
            assert (head.status_code, headers_of(head)) == (304, headers_of(again)), url
        other = others[turn % len(others)]
        assert made.client.get(url, headers={"If-None-Match": other}).status_code == 200, url


def test_the_tag_of_a_page_changes_with_its_table_and_no_other(made: Made):
    def tags(*tables: str) -> list[str]:
        return [made.client.get(f"/v1/tables/{name}/rows").headers["etag"] for name in tables]

    def insert(number: int, **options: Any) -> None:
        made.client.post("/v1/tables/jobs/rows", json=[{"id": number, "job": "A"}], **options)

    backup = made.client.post("/v1/tables/jobs/backups").json()["backup_id"]
    jobs, departments = tags("jobs", "departments")
    insert(950, params={"dry_run": True})
    insert(1)  # which is taken
    assert tags("jobs") == [jobs]
    insert(950)
    after = tags("jobs", "departments")
    assert (after[0] != jobs, after[1]) == (True, departments)
    made.client.post("/v1/tables/jobs/restore", json={"backup_id": backup})
    assert tags("jobs")[0] not in (jobs, after[0])
    as_csv = made.client.get("/v1/tables/jobs/rows", headers={"Accept": "text/csv"})
    assert as_csv.headers["etag"] not in tags("jobs")


def raw(made: Made, url: str, **headers: str) -> tuple[httpx.Headers, bytes]:
    """Headers and body as they came: a client that opens what is compressed is not asked."""
    with client_of(made.client.base_url) as client:
        client.headers = httpx.Headers({**headers, "X-API-Key": made.client.headers["X-API-Key"]})
        with client.stream("GET", url) as answer:
            return answer.headers, b"".join(answer.iter_raw())


def test_what_is_long_and_text_is_compressed_for_those_who_take_it(made: Made):
    long = 0
    for url in made.gets():
        if url in COUNTS or url.startswith(COMPRESSED_BEFORE) or url.endswith(STREAMED):
            continue
        headers, plain = raw(made, url, **PLAIN)
        assert "content-encoding" not in headers
        is_long = len(plain) >= 1024 and "avro" not in headers["content-type"]
        long += is_long
        assert "accept-encoding" in headers.get("vary", "").lower() or not is_long, url
        for coding, opened in (("gzip", gzip.decompress), ("zstd", unzstd)):
            headers, body = raw(made, url, **{"Accept-Encoding": coding})
            assert headers.get("content-encoding") == (coding if is_long else None), url
            assert (opened(body) if is_long else body) == plain, url
            assert int(headers["content-length"]) == len(body)
    assert long > 10


def unzstd(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(body)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("gzip;q=0, *;q=0.1", "zstd"),
        ("identity;q=1, gzip;q=0.5", None),
        ("gzip;q=0", None),
        ("br", None),
        ("", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_likes_best(made: Made, accept, coding):
    headers, _ = raw(made, "/schema", **{"Accept-Encoding": accept})
    assert headers.get("content-encoding") == coding


def test_who_brings_a_cookie_gets_nothing_compressed(made: Made):
    """A browser sends it for pages of others, too, which could learn a secret by lengths."""
    headers, _ = raw(made, "/schema", **{"Accept-Encoding": "gzip", "Cookie": "a=b"})
    assert "content-encoding" not in headers


def test_a_large_answer_is_compressed_as_well(made: Made):
    rows = "/v1/tables/hired_employees/rows?limit=10000"
    _, plain = raw(made, rows, **PLAIN)
    headers, body = raw(made, rows, **{"Accept-Encoding": "gzip"})
    assert len(plain) > 1 << 16
    assert (headers["content-encoding"], gzip.decompress(body)) == ("gzip", plain)
    assert len(body) * 4 < len(plain)


def test_what_was_made_is_where_its_location_says(made: Made):
    for answer in made.created:
        found = made.client.get(answer.headers["location"])
        assert found.status_code == 200, answer.url
        name = next(name for name in answer.json() if name in ("name", *IDS))
        assert answer.json()[name] in found.text


def test_every_201_of_the_document_has_a_location(made: Made):
    for path, method, operation in operations(made.client.get("/schema").json()):
        if "201" in operation["responses"]:
            assert "Location" in operation["responses"]["201"]["headers"], (path, method)


def test_one_slash_at_the_end_is_nothing_and_two_in_a_row_are_nowhere(made: Made):
    for path, methods in made.methods.items():
        url, _, query = made.paths[path].partition("?")
        if "GET" in methods and url != "/":
            assert made.client.get(f"{url}/?{query}").status_code == 200, path
        for doubled in (f"/{url}", f"{url}//", url.replace("/", "//")):
            for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
                target = httpx.URL(str(made.client.base_url).rstrip("/") + doubled)
                answer = made.client.request(method, target)
                assert answer.status_code == 404, (method, doubled)
                assert answer.headers["content-type"] == "application/problem+json"
                assert "x-content-type-options" in answer.headers


@pytest.mark.parametrize(
    ("rows", "status"),
    [([{"id": 960, "job": "A"}], 200), ([{"id": 960, "job": "A"}, {}], 207), ([{}], 422)],
)
def test_a_dry_run_is_200_where_an_insert_is_201_and_nowhere(made: Made, rows, status):
    one = made.client.post("/v1/tables/jobs/rows?dry_run=true", json=rows)
    several = made.client.post("/v1/rows?dry_run=true", json={"jobs": rows})
    for answer in (one, several):
        assert (answer.status_code, answer.headers.get("location")) == (status, None)


def test_a_dry_run_of_a_replay_is_200(made: Made):
    sent = made.client.post("/v1/tables/jobs/rows", json=[{"id": 970}]).json()
    replay = f"/v1/rejections/{sent['rejections'][0]['rejection_id']}/replay"
    answer = made.client.post(replay, json={"id": 970, "job": "A"}, params={"dry_run": True})
    assert (answer.status_code, answer.headers.get("location")) == (200, None)
    assert answer.json()["accepted"] == 1


def test_a_repeated_request_says_again_where_its_load_is(made: Made):
    headers = {"Idempotency-Key": "where"}
    rows = [{"id": 980, "job": "A"}]
    post, url = made.client.post, "/v1/tables/jobs/rows"
    first, second = (post(url, json=rows, headers=headers) for _ in range(2))
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/v1/rejections", "rejections"),
        ("/v1/rejections?limit=1", "rejections"),
        ("/v1/rejections?table=departments", "rejections"),  # there are none
        ("/v1/loads", "loads"),
        ("/v1/backups", "backups"),
        ("/v1/tables/jobs/backups", "backups"),
        ("/v1/trail", "entries"),
    ],
)
def test_a_list_says_the_same_as_json_lines_and_csv(made: Made, url, name):
    whole = made.client.get(url)
    lines = made.client.get(url, headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in lines.text.splitlines()] == whole.json()[name]
    table = made.client.get(url, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert len(table.text.splitlines()[0].split(",")) > 5
    for row, entry in zip(rows, whole.json()[name], strict=True):
        for column, text in row.items():
            value = entry[column]
            is_text = value is None or isinstance(value, str)
            assert (text == (value or "")) if is_text else json.loads(text) == value, column
    tags = {each.headers["etag"] for each in (whole, lines, table)}
    assert len(tags) == 3 or not whole.json()[name]
    for answer in (lines, table):
        assert answer.headers.get("link") == whole.headers.get("link")
    assert made.client.get(url, headers={"Accept": "image/png"}).status_code == 406


def test_a_rejected_row_is_in_csv_as_it_was_sent(made: Made):
    sent = b'[{"id":1.50,"job":"a,\\"b\\"",  "big":123456789012345678901234567890}]'
    headers = {"Content-Type": "application/json"}
    kept_out = made.client.post("/v1/tables/jobs/rows", content=sent, headers=headers).json()
    url = f"/v1/rejections?load_id={kept_out['load_id']}"
    table = made.client.get(url, headers={"Accept": "text/csv"}).text
    [row] = csv.DictReader(io.StringIO(table, newline=""))
    assert row["payload"].encode() == sent[1:-1]
    assert (
        json.loads(row["violations"]) == made.client.get(url).json()["rejections"][0]["violations"]
    )
