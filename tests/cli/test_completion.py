"""Tab completes commands, options, and names that the warehouse knows."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import environment, run


def completed(settings, *words, shell="bash", **more):
    """What is offered for the last of the words."""
    given = {"COMP_WORDS": " ".join(["gatehouse", *words]), "COMP_CWORD": str(len(words))}
    if shell == "fish":
        given["COMP_CWORD"] = words[-1]
    answer = run(settings, _GATEHOUSE_COMPLETE=f"{shell}_complete", **given, **more)
    assert answer.err == ""
    lines = answer.lines[1::3] if shell == "zsh" else answer.lines
    return {line.partition(",")[2].partition("\t")[0] if shell != "zsh" else line for line in lines}


@pytest.fixture
def offered(settings, client):
    """`completed`, asking a service with some of everything."""
    client.post("/v1/tables/jobs/backups")
    url = str(client.base_url)
    return lambda *words, **more: completed(settings, *words, GATEHOUSE_URL=url, **more)


def test_commands_options_and_names_are_completed(offered, client):
    (backup,) = client.get("/v1/backups").json()["backups"]
    loads = {load["load_id"] for load in client.get("/v1/loads").json()["loads"]}
    tables = {"departments", "jobs", "hired_employees"}
    for words, expected in (
        (["re"], {"rejections", "reports", "restore", "recover"}),
        (["insert", "--dr"], {"--dry-run"}),
        (["rejections", "ex"], {"export"}),
        (["insert", ""], tables),
        (["rejections", "--table", ""], tables),
        (["backup", "jobs", "d"], {"departments"}),
        (["reports", "hires"], {"hires_by_quarter"}),
        (["restore", "jobs", ""], {backup["backup_id"], "latest"}),
        (["restore", "departments", ""], {"latest"}),
        (["loads", "show", ""], loads),
        (["loads", "cancel", ""], set()),
        (["rejections", "--rule", "not_n"], {"not_null"}),
        (["keys", "create", "x", "--role", "o"], {"operator"}),
    ):
        assert offered(*words) == expected, words


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_same(offered, shell):
    assert offered("restore", "j", shell=shell) == {"jobs"}


def test_without_a_service_the_warehouse_is_asked_and_what_is_not_there_is_not_offered(settings):
    assert completed(settings, "load", "dep") == {"departments"}
    settings.warehouse.unlink()
    assert completed(settings, "load", "dep") == set()
    assert completed(settings, "load", "dep", GATEHOUSE_PORT="no number") == set()


@pytest.mark.new_python
def test_a_bash_that_reads_what_it_is_told_completes(settings, client, tmp_path):
    script = """
        eval "$(gatehouse completion bash)"
        COMP_WORDS=(gatehouse tables h) COMP_CWORD=2
        _gatehouse_completion gatehouse
        echo "${COMPREPLY[@]}"
    """
    (tmp_path / "gatehouse").symlink_to(Path(sys.executable).with_name("gatehouse"))
    environ = environment(settings, GATEHOUSE_URL=str(client.base_url))
    environ["PATH"] = f"{tmp_path}:{environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("hired_employees\n", "")
