"""What builds make of history files that have a form of their own."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.projects import SITES, Project

pytestmark = pytest.mark.slow


class Form(NamedTuple):
    """A history file of a form of its own, what goes in, and what is kept out: (line, rule)."""

    file: bytes
    rows: list[tuple[int, str, str | None]]
    rejected: list[tuple[int, str]] = []  # noqa: RUF012 - never changed


PLAIN: list[tuple[int, str, str | None]] = [(1, "a", "x"), (2, "b", None)]
FORMS = {
    "plain": Form(b"id,name,note\n1,a,x\n2,b,\n", PLAIN),
    "without_header": Form(b"1,a,x\n2,b,\n", PLAIN),
    "without_header_with_bom": Form(b"\xef\xbb\xbf1,a,x\r\n2,b,\r\n", PLAIN),
    "other_order": Form(b"note,id,name\nx,1,a\n,2,b\n", PLAIN),
    "fewer_columns": Form(b"name,id\na,1\n", [(1, "a", None)]),
    "header_in_capitals": Form(b'ID, "Name" ,NOTE\n1,a,x\n2,b,\n', PLAIN),
    "crlf": Form(b"id,name,note\r\n1,a,x\r\n2,b,\r\n", PLAIN),
    "header_lf_rows_crlf": Form(b"id,name,note\n1,a,x\r\n2,b,\r\n", PLAIN),
    "header_crlf_rows_lf": Form(b"id,name,note\r\n1,a,x\n2,b,\n", PLAIN),
    "line_ends_at_random": Form(b"id,name,note\n1,a,x\r\n2,b,\n3,c,\r\n", [*PLAIN, (3, "c", None)]),
    "bom": Form(b"\xef\xbb\xbfid,name,note\n1,a,x\n2,b,\n", PLAIN),
    "bom_before_quotes": Form(b'\xef\xbb\xbf"id","name","note"\n1,a,x\n2,b,\n', PLAIN),
    "no_last_line_end": Form(b"id,name,note\n1,a,x\n2,b,", PLAIN),
    "empty_lines": Form(b"id,name,note\n1,a,x\n\n2,b,\n\n\n", PLAIN),
    "header_alone": Form(b"id,name,note\n", []),
    "short_line": Form(b"id,name,note\n1,a,x\n2,b\n", [(1, "a", "x")], [(3, "malformed_line")]),
    "quoted": Form(
        b'id,name,note\n1,"a, b","say ""hi"""\n2,"c\nd","e\r\nf"\n3,"",x\n"4",g,""\n',
        [(1, "a, b", 'say "hi"'), (2, "c\nd", "e\r\nf"), (4, "g", None)],
        [(6, "not_null")],
    ),
    "quoted_crlf": Form(
        b'id,name,note\r\n1,"c\r\nd",x\r\n2,b,\r\n', [(1, "c\r\nd", "x"), (2, "b", None)]
    ),
    "spaces_around_values": Form(
        b'id, name,note\n1, a ,x\n 2,b, \n3," c ",\n4,  ,y\n',
        [*PLAIN, (3, " c ", None)],
        [(5, "not_null")],
    ),
    "other_delimiter": Form(b"id;name;note\n1;a;x\n2;b;\n", PLAIN),
    "other_words": Form(b"id,name,remark\n1,a,x\n2,b,\n", PLAIN),
    "other_encoding": Form("id,name,note\n1,ä,\n".encode("latin-1"), [(1, "ä", None)]),
    "stray_quotes": Form(
        b'id,name,note\n1,a,x\n2,"b,y\n3,"c"d,\n4,5" pipe,\n',
        [(1, "a", "x"), (4, '5" pipe', None)],
        [(3, "malformed_line"), (4, "malformed_line")],
    ),
    "too_many_fields": Form(
        b"id,name,note\n1,a,x\n2,b,,\n3,c,x,y\n4,d,x,y,z,,z,z,z,z,z,z,z\n5,e,\n6,f,,g\n",
        [(1, "a", "x"), (2, "b", None), (5, "e", None)],
        [(4, "unknown_field"), (5, "unknown_field"), (7, "unknown_field")],
    ),
    "too_few_for_the_rules": Form(b"id,name,note\n1,a,x\n2\n", [(1, "a", "x")], [(3, "not_null")]),
}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One table for each form, in one build."""
    project = Project(tmp_path_factory.mktemp("it's a folder"))
    for name, form in FORMS.items():
        project.model(name, SITES)
        project.write(name, form.file)
    project.build()
    return project


@pytest.mark.parametrize("name", FORMS)
def test_a_history_file_is_read_whatever_its_form(forms: Project, name: str) -> None:
    form = FORMS[name]
    assert forms.query(f"select * from core.{name} order by id") == form.rows
    assert [(line, rule) for line, _, rule in forms.rejections(name)] == form.rejected
    received = len(form.rows) + len(form.rejected)
    assert forms.last_load(name) == (received, len(form.rows), len(form.rejected), 0)


UNFIT = {
    "nothing_at_all": (b"", "it is empty"),
    "unknown_column": (b"id,name,note,colour\n1,a,x,red\n", "are not known: colour"),
    "required_column_missing": (b"id,note\n1,x\n", "it has no column name"),
    "column_twice": (b"id,name,name\n1,a,b\n", "its header names name twice"),
    "other_width": (b"1,a\n2,b\n", "it has 2 columns where 3 are needed (id, name, note)"),
    "one_column": (b"1\n2\n", "it has one column where 3 are needed"),
    "binary": (bytes(range(256)) * 9 + bytes(999), "it is a binary file"),
}


def test_a_file_that_does_not_fit_fails_the_build_and_loads_nothing(
    forms: Project, tmp_path: Path
) -> None:
    project = forms.copied(tmp_path)
    for name, (file, _) in UNFIT.items():
        project.model(name, SITES)
        project.write(name, file)
    project.write("jobs", b"id,job,number\n9,Archivist,9\n")
    before = project.books()
    build = project.build_fails()
    said = {node.name: node.message or "" for node in build.nodes if node.status == "error"}
    assert said.keys() == {f"raw_{name}" for name in (*UNFIT, "jobs")}
    for name, (_, words) in UNFIT.items():
        assert words in said[f"raw_{name}"]
        assert f"{name}.csv" in said[f"raw_{name}"]
    assert project.books() == before
