"""POST /v1/tables/{table}/files: files of any shape and size, loaded while inserts go on."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import msgspec
import pytest
import zstandard

from service.dbt import landing
from service.formats.csv.detection import detect_dialect
from service.runtime.settings import Settings
from tests.support.answers import all_pages, ended, files_in, is_problem
from tests.support.projects import Project
from tests.support.services import client_of
from tests.support.uploads import HEADER, MOMENT, counts, followed, hires, kinds_of_lines, send
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow
Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
LINES = 1_000  # of a file that is loaded while others insert


def test_a_file_goes_in_and_what_does_not_fit_is_kept_out_with_line_and_text(
    client: httpx.Client, settings: Settings
) -> None:
    file = HEADER.replace(",", ";") + hires(7001, 3).replace(",", ";")
    file += f'7004; Bo ;{MOMENT};99;1\n7005;"a;b";never;1;\n7006;"x\n\n'
    taken = send(client, "hired_employees", file)
    assert taken.headers["location"] == taken.json()["href"]
    assert taken.json()["found"] == "delimiter ';', header, UTF-8, about 6 rows"
    load = followed(client, taken)
    assert (load["kind"], load["status"], load["source"]) == ("file", "done", "hires.csv")
    assert counts(load) == (6, 3, 3, 0)
    found = client.get("/v1/rejections", params={"load_id": load["load_id"]}).json()["rejections"]
    said = {
        each["position"]: (each["raw"], [reason["rule"] for reason in each["violations"]])
        for each in found
    }
    assert said == {
        5: (f"7004; Bo ;{MOMENT};99;1", ["relationships"]),
        6: ('7005;"a;b";never;1;', ["type", "not_null"]),
        7: ('7006;"x', ["malformed_line"]),
    }
    payloads = {each["position"]: each["payload"] for each in found}
    assert payloads[6]["name"] == "a;b"
    assert payloads[7] == '7006;"x'
    assert client.get("/v1/tables/hired_employees/rows/7003").json()["name"] == "Ada Byron"
    assert files_in(settings.spool) == set()


def test_each_line_of_a_file_is_told_as_what_it_is(client: httpx.Client) -> None:
    file = HEADER + hires(7001, 2) + f'\n7003,"Ada\nByron",{MOMENT},1,1\n,,,,\n7004,"x\n'
    for said in ({"dry_run": True}, {}):
        load = followed(client, send(client, "hired_employees", file, **said))
        assert counts(load) == (4, 3, 1, 0)
        assert kinds_of_lines(load) == (1, 2, 0, 5)
        assert load["lines"] == 8
    assert kinds_of_lines(client.get(f"/v1/loads/{load['load_id']}").json()) == (1, 2, 0, 5)
    batch = client.post("/v1/tables/jobs/rows", json=[]).json()["load_id"]
    assert kinds_of_lines(client.get(f"/v1/loads/{batch}").json()) == (None,) * 4


def test_the_same_file_twice_adds_nothing(client: httpx.Client) -> None:
    file = HEADER + hires(7001, 3) + "7004,,,,\n"
    first = followed(client, send(client, "hired_employees", file))
    again = followed(client, send(client, "hired_employees", file))
    assert (counts(first), counts(again)) == ((4, 3, 1, 0), (4, 0, 1, 3))
    found = all_pages(client, "/v1/rejections", "rejections", status="open")
    assert [each["payload"]["id"] for each in found].count("7004") == 1


def test_a_row_that_waited_for_its_parent_goes_in_with_the_next_load(client: httpx.Client) -> None:
    file = HEADER + hires(7001, 1, department=77)
    assert counts(followed(client, send(client, "hired_employees", file))) == (1, 0, 1, 0)
    client.post("/v1/tables/departments/rows", json={"id": 77, "department": "Late"})
    assert counts(followed(client, send(client, "hired_employees", file))) == (1, 1, 0, 0)
    found = all_pages(client, "/v1/rejections", "rejections", status="accepted")
    assert [each["payload"]["id"] for each in found] == ["7001"]


def test_what_is_said_of_a_file_counts(client: httpx.Client) -> None:
    file = "Räte|x|71\nNA|y|72\n".encode("cp1252")
    said = {"columns": "department,-,id", "delimiter": "|", "null": "NA", "header": "false"}
    load = followed(client, send(client, "departments", file, encoding="latin-1", **said))
    assert counts(load) == (2, 1, 1, 0)
    assert client.get("/v1/tables/departments/rows/71").json()["department"] == "Räte"


def test_all_that_can_be_said_of_a_file_reaches_who_finds_out_its_dialect(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []

    def listening(path: Any, expected: Any, options: Any, max_bytes: int) -> Any:
        heard.append(options)
        return detect_dialect(path, expected, options, max_bytes)

    monkeypatch.setattr("service.doors.files.detect_dialect", listening)
    said = {"delimiter": "\\x7C", "quote": "'", "escape": "backslash", "comment": "#", "skip": 0}
    taken = send(client, "departments", "id|department\n71|A\n", **said)
    assert counts(followed(client, taken)) == (1, 1, 0, 0)
    (options,) = heard
    assert {name: getattr(options, name) for name in said} == {
        **said,
        "delimiter": "|",
        "escape": "\\",
    }


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compressed_files_are_taken_as_such_and_as_an_encoding(
    client: httpx.Client, compress: Callable[[bytes], bytes]
) -> None:
    content = compress(b"id,department\n71,A\n")
    assert counts(followed(client, send(client, "departments", content))) == (1, 1, 0, 0)
    encoding = "gzip" if compress is gzip.compress else "zstd"
    headers = {"Content-Type": "text/csv", "Content-Encoding": encoding}
    taken = client.post("/v1/tables/departments/files", content=content, headers=headers)
    assert counts(followed(client, taken)) == (1, 0, 0, 1)


def test_a_file_that_is_too_large_is_refused_compressed_or_not(
    settings: Settings, serve: Serve
) -> None:
    small = msgspec.structs.replace(settings, max_file_bytes=10_000)
    content = b"id,department\n" + b"71,A\n" * 3000
    with serve(small) as client:
        assert is_problem(send(client, "departments", content), 413, "too-large")
        answer = send(client, "departments", gzip.compress(content))
        assert is_problem(answer, 422, "unreadable-file")
        assert "larger than 10000 bytes" in answer.json()["detail"]
    assert files_in(small.spool) == set()


def test_a_dry_run_tells_how_the_file_is_read_and_its_first_rows(client: httpx.Client) -> None:
    file = "nr;what;department\n" + "".join(f"{71 + i};x;D {i}\n" for i in range(7))
    said = {"columns": "id,-,department", "dry_run": True}
    load = followed(client, send(client, "departments", file.replace("D 1", '"D'), **said))
    assert load["dialect"]["delimiter"] == ";"
    fields = load["dialect"]["fields"]
    assert [each["column"] for each in fields] == ["id", None, "department"]
    assert [each["column"] for each in load["columns"]] == ["id", None, "department"]
    assert load["first_rows"][0] == {
        "line": 2,
        "values": {"id": "71", "department": "D 0"},
        "problem": None,
    }
    assert load["first_rows"][1]["problem"] == "a quote is not closed at the end of its field"
    assert [each["line"] for each in load["first_rows"]] == [2, 3, 4, 5, 6]
    done = followed(client, send(client, "departments", file, columns="id,-,department"))
    assert not {"dialect", "columns", "first_rows"} & done.keys()


def test_a_request_that_comes_again_loads_once(client: httpx.Client) -> None:
    options: Any = {
        "content": "id,department\n71,A\n",
        "headers": {"Content-Type": "text/csv", "Idempotency-Key": "once"},
    }
    first = client.post("/v1/tables/departments/files", **options)
    again = client.post("/v1/tables/departments/files", **options)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    followed(client, first)
    assert len(client.get("/v1/loads", params={"kind": "file"}).json()["loads"]) == 1


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come in parts of ten lines."""
    monkeypatch.setattr(landing, "PART", 10)
    monkeypatch.setattr("service.doors.files.PART", 10)
    monkeypatch.setattr("service.formats.csv.reader.BLOCK", 64)
    monkeypatch.setattr("service.formats.csv.opening.BLOCK", 64)


@pytest.mark.usefixtures("small_parts")
def test_a_long_file_comes_in_parts_and_is_accounted_for_as_one(client: httpx.Client) -> None:
    lines = (
        hires(7001, 25)
        + f"7001,Ada Byron,{MOMENT},1,1\n"
        + f"7002,Bo,{MOMENT},1,1\n"
        + ",,x,,\n" * 2
    )
    lines = lines.replace("7009,Ada Byron", '7009,"Ada\n""Byron"""').replace("7018,", " 7018,")
    load = followed(client, send(client, "hired_employees", HEADER + lines))
    assert (load["status"], load["detail"]) == ("done", None)
    assert counts(load) == (29, 25, 3, 1)
    assert kinds_of_lines(load) == (1, 0, 0, 30)
    found = client.get("/v1/rejections", params={"load_id": load["load_id"]}).json()["rejections"]
    assert sorted(each["position"] for each in found) == [29, 30, 31]


@pytest.mark.usefixtures("small_parts")
def test_what_a_stopped_service_leaves_is_taken_up_by_the_next(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.doors.files import FileLoads

    with monkeypatch.context() as patch, serve(settings) as client:
        run = FileLoads._dbt

        def stop_behind_the_first_part(self: FileLoads, *given: Any) -> Any:
            found = run(self, *given)
            self._stopping = True
            return found

        patch.setattr(FileLoads, "_dbt", stop_behind_the_first_part)
        taken = send(client, "hired_employees", HEADER + hires(7001, 25))
        while not client.get(taken.json()["href"]).json()["received"]:
            PAUSE(0.05)
    assert len(files_in(settings.spool)) == 1
    (settings.spool / "of a killed upload.tmp").write_text("id")
    with serve(settings) as client:
        load = followed(client, taken)
        assert (load["status"], counts(load)) == ("done", (25, 25, 0, 0))
        assert kinds_of_lines(load) == (1, 0, 0, 25)
        assert client.get("/v1/tables/hired_employees/rows/7025").status_code == 200
    assert files_in(settings.spool) == set()


def test_a_load_by_another_dictionary_than_the_services_fails(tmp_path: Path, serve: Serve) -> None:
    project = Project(tmp_path)
    for table in ("departments", "jobs"):
        project.write(table, f"id,{table[:-1]}\n1,First\n")
    project.build()
    project.change("departments", "length: 255", "length: 3")
    with serve(project.settings) as client:
        load = followed(client, send(client, "departments", "id,department\n7,Long name\n"))
        assert (load["status"], counts(load)) == ("failed", (0, 0, 0, 0))
        assert "build first" in load["detail"]
        assert client.post(
            "/v1/tables/departments/rows", json={"id": 8, "department": "Long"}
        ).is_success


def test_inserts_and_builds_go_on_while_files_are_loaded(client: httpx.Client) -> None:
    refused: list[str] = []
    over = threading.Event()

    def insert() -> None:
        number = 900_000
        with client_of(client.base_url) as other:
            while not over.wait(0.1):
                row = {
                    "id": number,
                    "name": "L",
                    "datetime": MOMENT,
                    "department_id": 1,
                    "job_id": 1,
                }
                answer = other.post("/v1/tables/hired_employees/rows", json=row)
                if answer.status_code != 201:
                    refused.append(answer.text)
                number += 1

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        taken = [
            send(client, "hired_employees", HEADER + hires(10_000 * i, LINES)) for i in (1, 2, 3)
        ]
        build = client.post("/v1/builds").json()["href"]
        loads = [followed(client, each) for each in taken]
    finally:
        over.set()
        thread.join()
    assert refused == []
    assert [counts(load) for load in loads] == [(LINES, LINES, 0, 0)] * 3
    assert ended(client, build)["status"] == "done"


def test_a_service_that_ends_leaves_its_warehouse_to_dbt(project_of_one: Project) -> None:
    """dbt, typed in a terminal: it says what to do while a service runs, and works afterwards."""
    from service.runtime.running import hold

    build_one = ("build", "--select", "+departments")
    with hold(project_of_one.settings, "http://127.0.0.1:8000"):
        build = project_of_one.dbt(*build_one)
        assert build.returncode != 0
        assert "a service has this warehouse open: http://127.0.0.1:8000" in build.stdout
        assert "`gatehouse build` has it build" in build.stdout
    assert project_of_one.dbt(*build_one).returncode == 0


@pytest.fixture
def project_of_one(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    project.write("departments", "id,department\n1,First\n")
    project.build()
    yield project
    with duckdb.connect(str(project.settings.warehouse)) as connection:
        assert connection.execute("select count(*) from core.departments").fetchall() == [(1,)]
