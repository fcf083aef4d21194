"""The applications of several services in one process: the same routes, and nothing else shared."""

from service.app import create_app
from service.runtime.settings import Settings
from tests.support.services import copied, serving


def test_services_side_by_side_share_nothing_but_their_routes(built, tmp_path):
    own = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        own.append(copied(built, folder))
    rows = "/v1/tables/departments/rows"
    with serving(own[0]) as first, serving(own[1]) as second:
        assert first.post(rows, json=[{"id": 900, "department": "Here"}]).status_code == 201
        assert [each.get(f"{rows}/900").status_code for each in (first, second)] == [200, 404]
        assert first.post("/v1/keys", json={"name": "a", "role": "operator"}).status_code == 201
        assert [each.get(rows).status_code for each in (first, second)] == [401, 200]
    with serving(own[0]) as again:  # and one that comes later, nothing of one before
        assert again.get(rows).status_code == 401


def test_each_application_goes_by_its_own_settings():
    settings = [Settings(request_seconds=n, max_body_bytes=n * 1000) for n in (1, 2)]
    apps = [create_app(each) for each in (*settings, settings[0])]
    assert [app.state.terms.settings.request_seconds for app in apps] == [1, 2, 1]
    assert [app.request_max_body_size for app in apps] == [1000, 2000, 1000]
    assert len({id(app.state.sessions) for app in apps}) == len(apps)
