"""Building from the command line, with and without a service."""

import multiprocessing

import duckdb
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.new_python
def test_where_there_is_nothing_a_build_makes_the_warehouse(alone, settings):
    settings.warehouse.unlink()
    answer = alone("build")
    assert answer.code == 0, answer.err
    assert any(line.startswith("success") and "departments" in line for line in answer.lines)
    assert "departments 12 rows (12 accepted, 0 rejected, 0 already present)" in answer.lines
    assert alone("tables").code == 0


def test_a_second_build_finds_no_new_history_and_its_plan_no_change(alone):
    plan = alone("build", "--plan")
    assert (plan.code, plan.err) == (0, "")
    assert plan.lines == ["nothing changes but what is new in the history"]
    answer = alone("build")
    assert answer.code == 0
    assert "departments 12 rows (no new history)" in answer.lines
    assert answer.err == ""


def test_a_running_service_builds_and_says_the_same(asking, settings):
    with (settings.seeds / "raw_jobs.csv").open("a") as file:
        file.write("9001,Smith\n")
    (settings.seeds / "hires.csv").write_text("id\n1\n")
    answer = asking("build", "--json")
    assert answer.code == 0
    said = answer.json
    assert said["status"] == "done"
    assert {"name", "kind", "status", "seconds", "failures", "message"} <= said["nodes"][0].keys()
    (load,) = [load for load in said["loads"] if load["table"] == "jobs"]
    assert (load["received"], load["accepted"], load["already_present"]) == (184, 1, 183)
    assert said["tables"]["jobs"] == 184
    again = asking("build")
    assert again.lines[-3] == "departments 12 rows (no new history)"
    assert again.err == (
        "warning: hires.csv is the history of no table;"
        " there are departments, hired_employees, jobs\n"
    )


def test_a_build_that_fails_says_why_and_exits_1(alone, settings):
    (settings.seeds / "raw_jobs.csv").write_text("id,title,wage\n1,Smith,2\n")
    for arguments in (["build"], ["build", "--json"]):
        answer = alone(*arguments)
        assert answer.code == 1
        assert "names columns that are not known: title, wage" in answer.err
        assert "error: the build failed\nHINT: " in answer.err
    assert answer.json["status"] == "failed"


def test_dbt_reads_a_copy_while_a_service_runs_and_writes_by_it_alone(started, alone, settings):
    started()
    answer = alone("dbt", "--quiet", "show", "--inline", "select count(*) as n from core.jobs")
    assert answer.code == 0, answer.err
    assert "183" in answer.out
    assert answer.err.startswith("dbt reads a copy of the warehouse, taken at 20")
    assert len(answer.err.splitlines()) == 1
    assert not [*settings.copies.iterdir()]
    for command in ("run", "build", "seed"):
        answer = alone("dbt", command)
        assert answer.code == 1
        assert f"`dbt {command}` writes to it" in answer.err
        assert "HINT: `gatehouse build` has the service build" in answer.err


def _hold(path, opened, end):
    with duckdb.connect(path):
        opened.set()
        end.wait()


def test_a_warehouse_that_another_process_has_open_exits_3(alone, settings):
    context = multiprocessing.get_context("spawn")
    opened, end = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(settings.warehouse), opened, end), daemon=True)
    other.start()
    try:
        assert opened.wait(60)
        answer = alone("build")
        assert (answer.code, answer.err.count("another process has")) == (3, 1)
        answer = alone("tables")
        assert (answer.code, answer.out) == (3, "")
        assert "waiting up to" in answer.err
    finally:
        end.set()
        other.join()
