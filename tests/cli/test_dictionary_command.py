"""`gatehouse dictionary`: the rules in words, in the terminal, and contracts as files."""

import json

import pytest
import yaml  # type: ignore[import-untyped]

from service.cli import dictionary_texts
from service.cli.commands.dictionary import FORMATS
from service.contracts.contract_files import FORMATS as WRITTEN


@pytest.fixture
def reading(built, reader, runner):
    """`gatehouse` asking a service that all tests share."""
    url = str(reader.base_url)
    return lambda *arguments: runner(built, *arguments, GATEHOUSE_URL=url)


def test_the_formats_are_those_of_the_service():
    assert tuple(WRITTEN) == FORMATS


def test_in_a_pipe_it_is_a_line_for_each_column(reading):
    header, *lines = reading("dictionary").lines
    assert header.split("\t") == dictionary_texts.COLUMNS
    assert len(lines) == 9
    said = dict(zip(header.split("\t"), lines[5].split("\t"), strict=True))
    assert (said["table"], said["column"], said["required"]) == ("hired_employees", "name", "true")
    assert said["rules"] == "at most 255 characters; not blank; a value is required"
    assert said["open"] == said["ever"] == "21"
    assert [line.split("\t")[0] for line in reading("dictionary", "jobs").lines[1:]] == ["jobs"] * 2
    quarters = reading("dictionary", "hires_by_quarter").lines[1:]
    assert {line.split("\t")[0] for line in quarters} == {"hires_by_quarter"}


@pytest.mark.new_python
def test_as_json_it_is_what_the_api_says(reading, reader):
    assert reading("dictionary", "--json").json == reader.get("/v1/dictionary").json()
    assert reading("dictionary", "jobs", "--json").json == reader.get("/dictionary/jobs").json()
    assert reading("dictionary", "--json", "jobs").json == reader.get("/dictionary/jobs").json()


def test_an_unknown_name_is_refused_with_the_known_ones(reading):
    answer = reading("dictionary", "nothing")
    assert answer.code == 1
    assert "no table or mart 'nothing'; there are departments, jobs" in answer.err


def test_the_texts_say_each_rule_with_what_broke_it(reader):
    table = reader.get("/dictionary/hired_employees").json()
    said = dict(dictionary_texts.of_table(table))
    assert said["id  integer, the key"] == [
        "Number of the hire, given by the source system.",
        "such as 4535",
        "- a whole number of 32 bits",
        "- at least 1",
        "- a value is required",
        "- different in every row  (1 open of 1)",
    ]
    assert said["references"] == ["department_id → departments.id", "job_id → jobs.id"]
    breaks = said["what breaks it most"]
    assert len(breaks) == len(table["breaks"])
    assert breaks[0].split("  ")[-1] == "department_id not_null: a value is required"
    overview = dict(dictionary_texts.overview(reader.get("/v1/dictionary").json()))
    assert "departments  12 rows, 0 kept out" in overview
    mart = dict(dictionary_texts.of_mart(reader.get("/dictionary/hires_by_quarter").json()))
    assert "q1  bigint" in mart


@pytest.mark.new_python
def test_contracts_are_written_as_files_and_replaced(reading, tmp_path):
    folder = tmp_path / "new" / "contracts"
    answer = reading("dictionary", "export", "--to", folder)
    assert answer.code == 0
    names = {path.name for path in folder.iterdir()}
    tables = ("departments", "jobs", "hired_employees")
    assert names == {f"{each}{form.suffix}" for each in tables for form in WRITTEN.values()}
    assert [line.split("\t")[0] for line in answer.lines[1:3]] == [
        f"{folder}/departments.schema.json",
        f"{folder}/departments.avsc",
    ]
    assert json.loads((folder / "jobs.schema.json").read_text())["title"] == "jobs"
    assert yaml.safe_load((folder / "jobs.odcs.yaml").read_text())["name"] == "jobs"
    (folder / "jobs.avsc").write_text("old")
    again = reading("dictionary", "export", "jobs", "--format", "avro", "--to", folder, "--json")
    [file] = again.json
    assert file["bytes"] == (folder / "jobs.avsc").stat().st_size > 3


def test_what_is_no_table_writes_nothing(reading, tmp_path):
    answer = reading("dictionary", "export", "jobs", "nothing", "--to", tmp_path / "x")
    assert answer.code == 1
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").write_text("")
    assert reading("dictionary", "export", "--to", tmp_path / "file").code == 2
    assert reading("dictionary", "export").code == 2
