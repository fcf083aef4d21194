"""How pages write values: links, moments, sizes, sentences."""

import pytest

from service.console.pages import ago, duration, followed, moment, sentence, size, url
from service.runtime.clock import utc_now


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://example.org/a?b=1#c", "https://example.org/a?b=1#c"),
        ("http://127.0.0.1:8000/v1/reports/x?year=2021", "/v1/reports/x?year=2021"),
        ("http://localhost:8000", "/"),
        ("/schema", "/schema"),
        ("//example.org/x", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("example.org", None),
        ("http://[::1", None),
        ("http://[::1]:8000/x", "/x"),
        ("", None),
        (None, None),
    ],
)
def test_a_link_leads_to_the_web_or_here(url: str | None, link: str | None) -> None:
    assert followed(url) == link


def test_values_are_written_for_people():
    now = utc_now()
    assert moment("2021-07-27T16:02:08.5+02:00") == (
        '<time datetime="2021-07-27T14:02:08Z">2021-07-27 14:02:08</time>'
    )
    assert "—" in moment(None)
    assert [size(each) for each in (0, 999, 1500, 20_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "20 MB",
    ]
    assert ago(now) == "just now"
    assert duration(now, now) == "0.0 s"
    assert duration(None, now) == ""
    assert sentence("it is so") == "It is so."
    assert sentence("UTC.") == "UTC."
    assert url("/a", b=None, c="x y", d=["1", "2"]) == "/a?c=x+y&d=1&d=2"
    assert url("/a", b=None) == "/a"
