"""GET /dictionary/dbt/: dbt's docs, as of the last build."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from service.runtime.settings import Settings
from tests.support.answers import ended, is_problem
from tests.support.contract import Contract
from tests.support.services import serving_by, settings_in

SITE = "/dictionary/dbt"
SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)


@pytest.fixture(scope="module")
def client(
    built: Settings, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service for this file, with one more rejection than the shipped history has."""
    own = settings_in(tmp_path_factory.mktemp("docs"))
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    with serving_by(contract, own) as client:
        client.post("/v1/tables/jobs/rows", json=[{"id": 9001, "job": " "}])
        yield client


@pytest.fixture(scope="module")
def page(client: httpx.Client) -> httpx.Response:
    """The page, as four get it who ask at once."""
    with ThreadPoolExecutor(4) as asking:
        answers = list(asking.map(client.get, [SITE] * 4))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["etag"] for answer in answers}) == 1
    return answers[0]


def artefacts(html: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the catalog that stand in the page."""
    decoder = json.JSONDecoder()
    begins = [found.start() for found in re.finditer(r'\{"metadata":', html)]
    found = [decoder.raw_decode(html, begin)[0] for begin in begins]
    manifest = next(each for each in found if "macros" in each)
    catalog = next(each for each in found if "macros" not in each)
    return manifest, catalog


def test_the_page_has_the_models_and_the_numbers_of_the_warehouse(page: httpx.Response) -> None:
    manifest, catalog = artefacts(page.text)
    assert "model.gatehouse.rejections_by_rule_and_day" in manifest["nodes"]
    assert "source.gatehouse.ops.rejections" in manifest["sources"]
    overview = manifest["docs"]["doc.gatehouse.__overview__"]["block_contents"]
    assert "How to read a rule" in overview
    assert re.search(r"made at \d{4}-\d\d-\d\d \d\d:\d\d UTC", overview)
    stats = catalog["nodes"]["model.gatehouse.jobs"]["stats"]
    assert {name: stats[name]["value"] for name in ("row_count", "open_rejections")} == {
        "row_count": 183,
        "open_rejections": 1,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", stats["last_load"]["value"])


def test_its_policy_lets_its_only_script_run_and_nothing_else(page: httpx.Response) -> None:
    policy = page.headers["content-security-policy"]
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in SCRIPT.findall(page.text)
    ]
    assert len(digests) == 1
    assert f"script-src 'sha256-{digests[0]}';" in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "allow-same-origin" not in policy
    assert 'ng-csp="no-unsafe-eval"' in page.text
    assert "${require" not in page.text


def test_it_names_no_folder_of_the_machine(page: httpx.Response, built: Settings) -> None:
    manifest, _ = artefacts(page.text)
    assert str(built.project) not in page.text
    assert str(built.warehouse.parents[2]) not in page.text
    assert manifest["metadata"]["user_id"] is None


def test_it_is_sent_compressed_or_not_and_not_again(
    client: httpx.Client, page: httpx.Response
) -> None:
    plain = client.get(SITE, headers={"Accept-Encoding": "identity"})
    none = client.get(SITE, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert page.headers["content-encoding"] == "gzip"
    assert int(page.headers["content-length"]) < len(plain.content) / 3
    assert plain.text == none.text == page.text
    assert "content-encoding" not in plain.headers
    assert page.headers["vary"] == "Accept-Encoding"
    same = client.get(SITE, headers={"If-None-Match": f'"x", W/{page.headers["etag"]}'})
    assert (same.status_code, same.content) == (304, b"")
    other = client.get(SITE, headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


def test_after_a_build_it_is_made_anew(client: httpx.Client, page: httpx.Response) -> None:
    slash = httpx.get(f"{client.base_url}{SITE}/")  # as the index has it
    assert slash.headers["etag"] == page.headers["etag"]
    client.post("/v1/tables/jobs/rows", json=[{"id": 9002, "job": "Glazier"}])
    assert client.get(SITE).headers["etag"] == page.headers["etag"]
    build = client.post("/v1/builds").headers["location"]
    assert ended(client, build)["status"] == "done"
    anew = client.get(SITE)
    assert anew.headers["etag"] != page.headers["etag"]
    _, catalog = artefacts(anew.text)
    assert catalog["nodes"]["model.gatehouse.jobs"]["stats"]["row_count"]["value"] == 184


def test_a_page_that_cannot_be_made_is_unavailable_and_not_tried_again_at_once(
    built: Settings, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = settings_in(tmp_path_factory.mktemp("broken"))
    own = msgspec.structs.replace(own, project=tmp_path_factory.mktemp("gone"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving_by(contract, own) as client:
        for _ in range(2):
            answer = client.get(SITE)
            assert is_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
