"""What the overview renews by itself is found out once for all who look on."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from service.console import news, overview_page
from service.console.news import KEPT_SECONDS, News
from tests.support.services import client_of, serving
from tests.support.workers import PAUSE

LOOK_ON = 10


def test_news_are_written_once_a_second():
    now, numbers = [100.0], iter(range(100))
    kept = News(lambda: now[0])

    def told() -> str:
        return kept.told(lambda: f"number {next(numbers)}")

    assert [told(), told(), told()] == ["number 0"] * 3
    now[0] += KEPT_SECONDS - 0.001
    assert told() == "number 0"
    now[0] += 0.002
    assert told() == "number 1"


def test_who_comes_while_news_are_written_gets_the_same():
    kept, numbers, all_here = News(lambda: 1.0), iter(range(100)), Barrier(LOOK_ON)

    def write() -> str:
        PAUSE(0.05)
        return f"number {next(numbers)}"

    def ask(_: int) -> str:
        all_here.wait()
        return kept.told(write)

    with ThreadPoolExecutor(LOOK_ON) as threads:
        assert set(threads.map(ask, range(LOOK_ON))) == {"number 0"}


def test_what_could_not_be_written_is_not_kept():
    kept = News(lambda: 1.0)
    with pytest.raises(ZeroDivisionError):
        kept.told(lambda: str(1 // 0))
    assert kept.told(lambda: "said") == "said"


def test_ten_people_who_look_on_cost_as_much_as_one(built, settings, monkeypatch):
    monkeypatch.setattr(news, "KEPT_SECONDS", 3600)
    found = []

    def counted(gate):
        found.append(news.activity(gate))
        return found[-1]

    monkeypatch.setattr(overview_page, "activity", counted)
    with serving(settings) as client:
        url, headers = client.base_url, {"Accept": "text/html"}
        people = [client_of(url) for _ in range(LOOK_ON)]
        parts = {person.get("/activity", headers=headers).text for person in people}
        assert len(parts) == len(found) == 1
        # A page that is opened is never older than what has just been done.
        row = {"id": 900, "job": "Clockmaker"}
        load = client.post("/v1/tables/jobs/rows", json=[row]).json()["load_id"]
        assert load in client.get("/", headers=headers).text
        assert load not in client.get("/activity", headers=headers).text
        monkeypatch.setattr(news, "KEPT_SECONDS", 0)
        assert load in client.get("/activity", headers=headers).text
        for person in people:
            person.close()
