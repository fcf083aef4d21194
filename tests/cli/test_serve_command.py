"""`gatehouse serve`, and how the other commands find it."""

import json
import signal
import socket

import httpx
import pytest


@pytest.mark.new_python
def test_it_says_where_it_is_and_is_found_by_the_other_commands(started, alone):
    service = started()
    assert httpx.get(f"{service.url}/v1/tables").status_code == 200
    answer = alone("insert", "jobs", "-", "--format", "json", stdin='{"id": 9001, "job": "Smith"}')
    assert answer.code == 0
    assert httpx.get(f"{service.url}/v1/tables/jobs/rows/9001").json()["job"] == "Smith"


def test_where_there_is_no_warehouse_it_builds_one_first(started, settings, alone):
    settings.warehouse.unlink()
    service = started()
    assert httpx.get(f"{service.url}/health/ready").status_code == 200
    assert {table["name"]: table["rows"] for table in alone("tables", "--json").json}["jobs"] == 183


def test_a_second_one_says_where_the_first_is_and_exits_3(started, alone):
    service = started()
    answer = alone("serve")
    assert answer.code == 3
    assert f"error: a service has this warehouse already: {service.url}\nHINT: " in answer.err


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_when_it_is_told_to(started, settings, alone, sent):
    service = started(GATEHOUSE_LOG_FORMAT="json")
    service.process.send_signal(sent)
    assert service.process.wait(30) == 0
    assert all(json.loads(line)["level"] == "info" for line in service.errors.splitlines())
    assert not settings.warehouse.with_name("gatehouse.duckdb.service").exists()
    assert alone("tables").code == 0


def test_a_killed_one_is_not_asked(started, alone):
    service = started()
    service.process.kill()
    service.process.wait()
    assert alone("tables").code == 0


@pytest.mark.new_python
def test_a_port_that_is_taken_exits_3(alone):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = alone("serve", "--port", port)
    assert answer.code == 3
    assert f"error: port {port} is taken\nHINT: `gatehouse serve --port`" in answer.err


@pytest.mark.parametrize("name", ["LAKE", "BACKUPS", "BACKUPS_COPY"])
def test_a_place_of_no_account_is_told_in_a_line(alone, name):
    answer = alone("serve", **{f"GATEHOUSE_{name}": "az://lake/gatehouse"})
    assert answer.code == 3
    assert answer.err.startswith("error: az://lake/gatehouse: of which account?")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("host", ["0.0.0.0", "203.0.113.7"])
def test_without_a_key_only_this_machine_is_served(alone, host):
    answer = alone("serve", "--host", host)
    assert answer.code == 2
    assert host in answer.err


def test_hooks_that_would_tell_nobody_stop_it_by_name(alone, tmp_path):
    path = tmp_path / "hooks.yml"
    nowhere = alone("serve", GATEHOUSE_HOOKS=str(path))
    assert (nowhere.code, f"{path} cannot be read" in nowhere.err) == (2, True), nowhere.err
    hook = "{name: ops, mail: {server: a, sender: a@b, to: [a@b]}, on: [load.failed], tables: [x]}"
    path.write_text(f"hooks: [{hook}]")
    waits = alone("serve", GATEHOUSE_HOOKS=str(path))
    assert (waits.code, "the hook ops: there is no table x" in waits.err) == (2, True), waits.err
