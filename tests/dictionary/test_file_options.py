"""What can be said of how files are written; what makes no sense is refused by name."""

from typing import Any

import pytest

from service.dictionary.file_options import WrongOption, read_options, read_synonyms
from service.formats.csv.dialect import DialectOptions

SENSE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"delimiter": None, "skip": None}, {}),
    ({"delimiter": ";"}, {"delimiter": ";"}),
    ({"delimiter": "tab"}, {"delimiter": "\t"}),
    ({"delimiter": "\\t"}, {"delimiter": "\t"}),
    ({"delimiter": "\t"}, {"delimiter": "\t"}),
    ({"delimiter": "space"}, {"delimiter": " "}),
    ({"delimiter": " "}, {"delimiter": " "}),
    ({"delimiter": "\x01"}, {"delimiter": "\x01"}),
    ({"delimiter": "\\x01"}, {"delimiter": "\x01"}),
    ({"delimiter": "\\x7C"}, {"delimiter": "|"}),
    ({"quote": "'", "escape": "doubled"}, {"quote": "'", "escape": '"'}),
    ({"quote": "none"}, {"quote": ""}),
    ({"quote": '"', "escape": "backslash"}, {"quote": '"', "escape": "\\"}),
    ({"comment": "#"}, {"comment": "#"}),
    ({"comment": "//", "skip": 0}, {"comment": "//", "skip": 0}),
    ({"header": False, "encoding": "latin-1"}, {"header": False, "encoding": "latin-1"}),
    ({"columns": ["id", "-"]}, {"columns": ("id", "-")}),
    ({"columns": "id, -", "nulls": "NA,n/a"}, {"columns": ("id", "-"), "nulls": ("NA", "n/a")}),
]
NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"delimeter": ";"}, "there is no option delimeter; there are encoding, delimiter, "),
    *(
        ({"delimiter": each}, "delimiter: it is one character")
        for each in ("", "::", "a", "7", '"', "'", "\n", "\r", "\0", "\\", "\\x0a", "\\x1", "§", 1)
    ),
    *(({"quote": each}, "quote: it is") for each in ("`", "''", "None", 1, True)),
    *(({"escape": each}, "escape: it is") for each in ("/", "", '"', "double", 1)),
    *(({"comment": each}, "comment: it is") for each in ("", " ", "# ", "a", "-" * 9, "#\n", 1)),
    *(({"skip": each}, "skip: it is") for each in (-1, "2", 1.5, True)),
    *(({"header": each}, "header: it is") for each in ("yes", 1)),
    *(({"encoding": each}, "encoding: it is") for each in ("", " ", 8)),
    *(({"columns": each}, "columns: it is a list") for each in (["id", 1], {"id": 1}, 1)),
    ({"columns": ["id", "nome"]}, "columns: there is no column nome"),
    ({"nulls": [None]}, "nulls: it is a list"),
    ({"quote": "none", "escape": "doubled"}, "escape: without quotes"),
    ({"delimiter": "|", "comment": "||"}, "comment: '||' begins with the delimiter"),
    ({"quote": "'", "comment": "'"}, 'comment: "\'" begins with the quote'),
]


@pytest.mark.parametrize(("said", "means"), SENSE)
def test_options_are_read_as_those_of_a_dialect(
    said: dict[str, Any], means: dict[str, Any]
) -> None:
    read = read_options(said, ("id", "name"))
    assert read == means
    assert DialectOptions(**read) == DialectOptions(**means)


@pytest.mark.parametrize(("said", "why"), NONSENSE)
def test_options_that_make_no_sense_are_refused_by_name(said: dict[str, Any], why: str) -> None:
    with pytest.raises(WrongOption) as refused:
        read_options(said, ("id", "name"))
    assert str(refused.value).startswith(why)


def test_every_option_of_a_dialect_can_be_said() -> None:
    for name in DialectOptions.__struct_fields__:
        with pytest.raises(WrongOption, match=f"^{name}: "):
            read_options({name: object()})


def test_a_synonym_means_one_column() -> None:
    columns = {"id": ["ID", "Nr."], "name": ["full name", "full_name"], "job": None}
    assert read_synonyms(columns) == {
        "id": ("ID", "Nr."),
        "name": ("full name", "full_name"),
        "job": (),
    }
    for wrong in ({"job": ["Full-Name"]}, {"job": ["Id"]}, {"job": ["Name"]}):
        with pytest.raises(WrongOption, match=r"^job: synonym '.*' is (the name|a synonym) of"):
            read_synonyms(columns | wrong)
    for nonsense in ("nr", [1], ["-"], {"a": 1}):
        with pytest.raises(WrongOption, match=r"^job: "):
            read_synonyms(columns | {"job": nonsense})
