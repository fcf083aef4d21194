"""Styles and pictures: asked for once, kept for good, and no one's turn."""

import gzip
import re

import httpx
import msgspec

from service.access import keys_file
from service.console.static_files import FOLDER, MEDIA_TYPES, static_files, static_url
from service.reports.chart_svg import STYLES
from tests.support.answers import is_problem
from tests.support.log_lines import logging_to_lines
from tests.support.services import Serve


def test_every_file_is_there_as_it_lies_in_the_folder(reader: httpx.Client) -> None:
    found = [*FOLDER.iterdir(), STYLES]
    paths = {path.name: path for path in found if path.suffix != ".txt"}  # licences
    assert paths.keys() == static_files().keys()
    for name, file in static_files().items():
        answer = reader.get(static_url(name))
        assert answer.status_code == 200
        assert answer.content == file.plain == paths[name].read_bytes()
        assert answer.headers["content-type"].partition(";")[0] in MEDIA_TYPES.values()
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_browser_keeps_it_for_good_and_whoever_asks_again_gets_nothing_new(
    reader: httpx.Client,
) -> None:
    url = static_url("app.css")
    answer = reader.get(url)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = reader.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == answer.headers["cache-control"]
    assert reader.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_it_comes_compressed_to_those_who_can_read_that(reader: httpx.Client) -> None:
    url = static_url("app.css")
    with reader.stream("GET", url, headers={"Accept-Encoding": "gzip, br"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
    sent = len(static_files()["app.css"].gzipped)
    assert gzip.decompress(static_files()["app.css"].gzipped) == static_files()["app.css"].plain
    assert sent < len(static_files()["app.css"].plain) / 2
    plain = reader.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for refused in ("gzip;q=0, identity", "gzip; q=0.000", "br"):
        answer = reader.get(url, headers={"Accept-Encoding": refused})
        assert "content-encoding" not in answer.headers


def test_of_another_version_or_name_there_is_none(reader: httpx.Client) -> None:
    url = static_url("app.css")
    for path in ("/static/0123456789abcdef/app.css", url + ".map", url.replace("app.css", "..")):
        answer = reader.get(path)
        assert answer.status_code in (404, 405)
        assert answer.headers["cache-control"] == "no-store"
    assert is_problem(reader.get("/static/0/app.css"), 404, "not-found")


def test_it_takes_no_key_no_turn_and_no_line_in_the_log(settings, serve: Serve) -> None:
    keys_file.create(settings.keys_file, "boss", "operator", None, None)
    own = msgspec.structs.replace(settings, rate_per_key=1, rate_burst=1)
    url = static_url("app.css")
    with logging_to_lines() as lines, serve(own) as client:
        assert [client.get(url).status_code for _ in range(5)] == [200] * 5
        assert client.get("/v1/tables").status_code == 401
        told = [*lines.until("/v1/tables")]
        assert not [line for line in told if "/static/" in line]
        assert client.get("/static/0/app.css").status_code == 404
        assert any("/static/0/app.css" in line for line in lines.until("/static/0"))


def test_the_styles_are_small_and_ask_for_nothing_from_elsewhere() -> None:
    """Both files, as the pages of rows load them."""
    styles = "".join(static_files()[name].plain.decode() for name in ("app.css", "grid.css"))
    assert len(styles) < 20_000
    assert not re.search(r"url\(|@import|//[a-z]", styles)
    for needed in ("prefers-color-scheme: dark", "@media print", "max-width"):
        assert needed in styles
