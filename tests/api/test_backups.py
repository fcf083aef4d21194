"""Backups over HTTP: made, taken in, listed, read, checked, removed."""

import hashlib
import io
import json
import shutil
import threading

import fastavro
import msgspec
import pytest

from tests.support.answers import all_pages, backups_in, is_problem
from tests.support.services import serving_by, settings_in

AVRO = {"Content-Type": "application/avro"}
JOBS = "/v1/tables/jobs/backups"


def rows_of(content: bytes) -> list[object]:
    return list(fastavro.reader(io.BytesIO(content)))


def test_a_backup_says_what_it_is_and_its_file_holds_the_rows(client):
    made = client.post(JOBS)

    assert made.status_code == 201
    backup = made.json()
    file = client.get(f"/v1/backups/{backup['backup_id']}/file")
    assert file.headers["content-type"] == "application/avro"
    assert file.headers["content-disposition"] == f'attachment; filename="{backup["file"]}"'
    assert int(file.headers["content-length"]) == backup["bytes"] == len(file.content)
    assert hashlib.sha256(file.content).hexdigest() == backup["sha256"]
    rows = client.get("/v1/tables/jobs/rows?limit=10000").json()["rows"]
    assert rows_of(file.content) == rows
    assert (backup["table"], backup["rows"], backup["codec"]) == ("jobs", len(rows), "deflate")
    assert (backup["kind"], backup["set_id"]) == ("manual", None)
    assert client.get(f"/v1/backups/{backup['backup_id']}").json() == backup


@pytest.fixture(scope="module")
def a_file(built, contract, tmp_path_factory):
    """A client, the URL of a backup's file, and what is in it."""
    own = settings_in(tmp_path_factory.mktemp("ranges"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving_by(contract, own) as client:
        url = f"/v1/backups/{client.post(JOBS).json()['backup_id']}/file"
        yield client, url, client.get(url).content


PARTS = {
    "bytes=0-0": slice(0, 1),
    "bytes=10-19": slice(10, 20),
    "bytes=10-": slice(10, None),
    "Bytes = 10 - 99999999": slice(10, None),
    "bytes=-7": slice(-7, None),
    "bytes=-99999999": slice(None),
}
HUGE = f"bytes=1{'0' * 99}-"
WHOLE = ("bytes=0-1,5-6", "bytes=9-3", "bytes=-", "bytes=x-1", "lines=1-2", "", HUGE)


@pytest.mark.parametrize("asked", PARTS)
def test_a_part_of_a_backups_file_can_be_had(a_file, asked):
    client, url, content = a_file
    part = content[PARTS[asked]]
    for method, body in (("GET", part), ("HEAD", b"")):
        answer = client.request(method, url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, body)
        assert answer.headers["content-length"] == str(len(part))
        places = range(len(content))[PARTS[asked]]
        said = f"bytes {places[0]}-{places[-1]}/{len(content)}"
        assert answer.headers["content-range"] == said


@pytest.mark.parametrize("asked", WHOLE)
def test_what_cannot_be_taken_for_one_part_is_answered_by_the_whole_file(a_file, asked):
    client, url, content = a_file
    answer = client.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["accept-ranges"] == "bytes"


def test_a_part_behind_the_end_of_the_file_is_a_problem_that_tells_its_size(a_file):
    client, url, content = a_file
    for asked in (f"bytes={len(content)}-", "bytes=-0"):
        answer = client.get(url, headers={"Range": asked})
        assert is_problem(answer, 416, "range-not-satisfiable")
        assert answer.headers["content-range"] == f"bytes */{len(content)}"


def test_a_part_is_sent_only_of_the_file_that_the_other_parts_were_of(a_file):
    client, url, _ = a_file
    tag = client.get(url).headers["etag"]
    for if_range, status in ((tag, 206), (f"W/{tag}", 200), ('"x"', 200), ("yesterday", 200)):
        answer = client.get(url, headers={"Range": "bytes=0-3", "If-Range": if_range})
        assert answer.status_code == status
    both = {"Range": "bytes=0-3", "If-None-Match": tag}
    assert client.get(url, headers=both).status_code == 304


def test_a_backup_may_choose_its_codec(client):
    assert client.post(JOBS, json={"codec": "zstandard"}).json()["codec"] == "zstandard"
    assert client.post(JOBS, json={}).json()["codec"] == "deflate"


def test_a_set_has_every_table_from_one_snapshot(client):
    made = client.post("/v1/backups")
    assert made.status_code == 201
    backups = made.json()["backups"]
    assert [each["table"] for each in backups] == ["departments", "jobs", "hired_employees"]
    assert {each["set_id"] for each in backups} == {made.json()["set_id"]}
    assert len({each["created_at"] for each in backups}) == 1


def test_backups_are_listed_newest_first_page_after_page(client):
    made = [client.post(JOBS).json() for _ in range(3)]
    others = client.post("/v1/backups").json()["backups"]
    for limit in (1, 2, 100):
        everything = all_pages(client, "/v1/backups", "backups", limit=limit)
        assert everything == [*made, *others][::-1]
        of_jobs = all_pages(client, JOBS, "backups", limit=limit)
        assert of_jobs == [others[1], *made[::-1]]


def test_a_backup_that_is_verified_is_whole(client):
    backup = client.post(JOBS).json()
    answer = client.post(f"/v1/backups/{backup['backup_id']}/verify")
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True,
        "rows": backup["rows"],
        "sha256": backup["sha256"],
        "problems": [],
    }


def test_a_backup_that_was_damaged_is_found_out(client, settings):
    backup = client.post(JOBS).json()
    path = settings.backups.path / "jobs" / backup["file"]
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)

    answer = client.post(f"/v1/backups/{backup['backup_id']}/verify").json()

    assert answer["ok"] is False
    assert answer["problems"]
    assert answer["sha256"] != backup["sha256"]


def test_a_backup_whose_file_is_gone_is_told_and_not_sent(client, settings):
    backup = client.post(JOBS).json()
    (settings.backups.path / "jobs" / backup["file"]).unlink()
    answer = client.get(f"/v1/backups/{backup['backup_id']}/file")
    assert is_problem(answer, 422, "damaged-backup")
    assert str(settings.backups.path) not in answer.text


def test_a_removed_backup_is_gone_with_its_file(client, settings):
    backup = client.post(JOBS).json()
    path = f"/v1/backups/{backup['backup_id']}"

    assert client.delete(path).status_code == 204

    assert client.get(path).status_code == 404
    assert client.get(JOBS).json()["backups"] == []
    assert client.delete(path).status_code == 404
    assert backups_in(settings.backups.path) == set()


def test_a_file_from_elsewhere_becomes_a_backup_as_it_is(client):
    first = client.post(JOBS).json()
    content = client.get(f"/v1/backups/{first['backup_id']}/file").content
    client.delete(f"/v1/backups/{first['backup_id']}")

    answer = client.post(JOBS, content=content, headers=AVRO)

    assert answer.status_code == 201
    backup = answer.json()
    assert (backup["kind"], backup["sha256"]) == ("import", first["sha256"])
    assert backup["rows"] == first["rows"]
    assert client.get(f"/v1/backups/{backup['backup_id']}/file").content == content


def test_a_file_that_comes_in_pieces_without_its_length_is_taken_in(client):
    first = client.post(JOBS).json()
    content = client.get(f"/v1/backups/{first['backup_id']}/file").content
    pieces = (content[i : i + 100] for i in range(0, len(content), 100))
    answer = client.post(JOBS, content=pieces, headers=AVRO)
    assert answer.json()["sha256"] == first["sha256"]


def foreign(rows: list[object]) -> bytes:
    fields = [{"name": "id", "type": "int"}, {"name": "job", "type": "string"}]
    file = io.BytesIO()
    fastavro.writer(file, {"type": "record", "name": "x", "fields": fields}, rows)
    return file.getvalue()


UNFIT = [
    (b"", "damaged-backup"),
    (b"not Avro", "damaged-backup"),
    (b"Obj\x01" + b"\xff" * 100, "damaged-backup"),
    (foreign([{"id": 1, "job": "A"}])[:-1], "damaged-backup"),
    (foreign([{"id": 1, "job": " "}]), "rules-broken"),
    (foreign([{"id": 0, "job": "A"}]), "rules-broken"),
]


def test_a_file_that_could_not_be_restored_is_not_taken_in(client, settings):
    for content, slug in UNFIT:
        answer = client.post(JOBS, content=content, headers=AVRO)
        assert is_problem(answer, 422, slug), content
        assert client.get("/v1/backups").json()["backups"] == []
        assert backups_in(settings.backups.path) == set()


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(settings, serve, announced):
    settings = msgspec.structs.replace(settings, max_import_bytes=1000)
    with serve(settings) as client:
        content = b"x" * 3_000_000
        body = content if announced else iter([content])
        answer = client.post(JOBS, content=body, headers=AVRO)
        assert is_problem(answer, 413, "too-large")
        assert answer.json()["limit"] == 1000
    assert backups_in(settings.backups.path) == set()


def test_a_file_may_be_larger_than_other_bodies(settings, serve):
    settings = msgspec.structs.replace(settings, max_body_bytes=100)
    with serve(settings) as client:
        content = foreign([{"id": number, "job": "A"} for number in range(1, 1000)])
        assert client.post(JOBS, content=content, headers=AVRO).status_code == 201


JSON = {"Content-Type": "application/json"}
UNCLEAR = [
    ({"Content-Type": "text/plain"}, b"x", 415),
    (JSON, b"{", 400),
    (JSON, b"[]", 400),
    (JSON, b'{"codec": "lz4"}', 400),
    (JSON, b'{"kodec": "deflate"}', 400),
    (JSON, b"[" * 60_000, 400),
    (JSON, b" " * 100_000, 413),
    ({**AVRO, "Content-Encoding": "gzip"}, b"x", 415),
]


def test_a_body_that_asks_for_no_backup_makes_none(client, settings):
    for headers, content, status in UNCLEAR:
        answer = client.post(JOBS, content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert backups_in(settings.backups.path) == set()


def test_what_another_tool_wrote_is_taken_in_and_what_is_left_out_is_told(client):
    schema = fastavro.parse_schema(
        {
            "type": "record",
            "name": "Root",
            "fields": [
                {"name": "tags", "type": {"type": "array", "items": "string"}},
                {"name": "ID", "type": ["null", "double"]},
                {"name": "job", "type": {"type": "enum", "name": "e", "symbols": ["A", "B"]}},
            ],
        }
    )
    file = io.BytesIO()
    fastavro.writer(file, schema, [{"tags": ["x"] * i, "ID": i + 1.0, "job": "A"} for i in (1, 2)])
    taken = client.post(JOBS, content=file.getvalue(), headers=AVRO)
    assert taken.status_code == 201, taken.text
    backup = taken.json()
    assert (backup["rows"], backup["left_out"]) == (2, ["tags"])
    assert client.get(f"/v1/backups/{backup['backup_id']}").json() == backup
    assert client.get(JOBS).json()["backups"][0] == backup
    assert client.post(f"/v1/backups/{backup['backup_id']}/verify").json()["ok"]
    again = client.post(
        JOBS, content=foreign([{"id": i, "job": "A"} for i in (7, 7)]), headers=AVRO
    )
    assert is_problem(again, 422, "rules-broken")
    assert "7" in again.json()["detail"]


def test_an_empty_file_from_elsewhere_is_never_the_latest(client):
    empty = client.post(JOBS, content=foreign([]), headers=AVRO).json()
    asked = {"backup_id": "latest", "dry_run": True}
    path = "/v1/tables/jobs/restore"
    assert is_problem(client.post(path, json=asked), 404, "not-found")
    assert client.post(path, json={**asked, "backup_id": empty["backup_id"]}).status_code != 404


HOSTILE_IDS = [
    "x",
    "..",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%00",
    "%FF",
    "9" * 5000,
    "latest",
    "20260101T000000000000Z-..-000000000000",
    "20260101T000000000000Z-jobs-000000000000",
    "20260101T000000000000Z-jobs-000000000000%0a",
]


def test_an_id_that_is_no_backups_is_not_found(client):
    for backup_id in HOSTILE_IDS:
        path = f"/v1/backups/{backup_id}"
        answers = [
            client.get(path),
            client.get(f"{path}/file"),
            client.post(f"{path}/verify"),
            client.delete(path),
        ]
        # An id with a slash or dots is another path, which may know other methods.
        assert {answer.status_code for answer in answers} <= {404, 405}, backup_id


def test_a_backup_of_a_table_that_is_no_more_can_be_read_but_not_verified(client, settings):
    backup = client.post(JOBS).json()
    content = client.get(f"/v1/backups/{backup['backup_id']}/file").content
    gone_id = backup["backup_id"].replace("jobs", "gone")
    entry = {**backup, "backup_id": gone_id, "table": "gone", "file": f"{gone_id}.avro"}
    folder = settings.backups.path / "gone"
    folder.mkdir()
    (folder / f"{gone_id}.avro").write_bytes(content)
    (folder / f"{gone_id}.json").write_text(json.dumps(entry))

    path = f"/v1/backups/{gone_id}"
    assert client.get(path).json() == entry
    assert client.get(f"{path}/file").content == content
    assert is_problem(client.post(f"{path}/verify"), 404, "unknown-table")
    assert is_problem(client.get("/v1/tables/gone/backups"), 404, "unknown-table")


def test_a_repeated_request_makes_no_second_backup(client):
    key = {"Idempotency-Key": "once"}
    first, second = (client.post(JOBS, headers=key) for _ in range(2))
    assert second.status_code == first.status_code == 201
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(client.get(JOBS).json()["backups"]) == 1


def test_the_key_of_one_request_is_not_for_another(client):
    key = {"Idempotency-Key": "once"}
    client.post(JOBS, headers=key)
    for answer in (
        client.post(JOBS, json={"codec": "zstandard"}, headers=key),
        client.post(JOBS, content=foreign([]), headers={**AVRO, **key}),
        client.post("/v1/backups", headers=key),
    ):
        assert is_problem(answer, 422, "idempotency-key-reused")
    assert len(client.get("/v1/backups").json()["backups"]) == 1


def test_an_imported_file_is_taken_in_once_under_one_key(client, settings):
    headers = {**AVRO, "Idempotency-Key": "once"}
    content = foreign([{"id": 1, "job": "A"}])
    first, second = (client.post(JOBS, content=content, headers=headers) for _ in range(2))
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert len(backups_in(settings.backups.path)) == 2  # the backup and its entry


def test_two_requests_under_one_key_at_once_make_one_backup(client):
    key = {"Idempotency-Key": "once"}
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.post("/v1/backups", headers=key)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.json()["set_id"] for answer in answers}) == 1
    assert len(client.get("/v1/backups").json()["backups"]) == 3


@pytest.mark.parametrize("query", ["limit=0", "after=x", "after=WzFd", "table=jobs"])
def test_what_is_no_filter_of_backups_is_a_bad_request(reader, query):
    assert is_problem(reader.get(f"/v1/backups?{query}"), 400, "bad-request")
