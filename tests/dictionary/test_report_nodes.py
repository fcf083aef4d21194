"""What the YAML of a mart may say of a report, and what makes no sense."""

from typing import Any

import pytest

from service.dictionary import DictionaryError, ReportSort
from service.dictionary.report_nodes import read_report

PLAIN: dict[str, Any] = {"columns": ["a", "n"], "order_by": ["a"], "scalars": {"mean": 0.0}}


def test_a_name_alone_is_a_whole_number_that_has_to_be_given():
    (year,) = read_report("some", "mart", {**PLAIN, "parameters": ["year"]}).takes
    assert (year.name, year.type, year.column, year.compare) == ("year", "integer", "year", "eq")
    assert year.required


def test_an_order_ends_with_the_grain_of_the_mart_or_else_with_all_columns():
    said = {**PLAIN, "order_by": ["n DESC  nulls first"]}
    first = ReportSort("n", descending=True, nulls_first=True)
    assert read_report("some", "m", said, ("x", "n")).order_by == (first, ReportSort("x"))
    assert read_report("some", "m", said).order_by == (first, ReportSort("a"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"parameter": []}, "parameter"),
        ({"order_by": ["a + n"]}, "order_by takes columns"),
        ({"order_by": ["a down"]}, "order_by takes columns"),
        ({"order_by": [1]}, "order_by takes columns"),
        ({"parameters": ["limit"]}, "limit"),
        ({"parameters": ["a", "a"]}, "twice"),
        ({"parameters": [{"type": "text"}]}, "without a name"),
        ({"parameters": [{"name": "a", "type": "colour"}]}, "type is one of"),
        ({"parameters": [{"name": "a", "compare": "like"}]}, "compare is one of"),
        ({"parameters": [{"name": "a", "several": True, "compare": "gt"}]}, "several"),
        ({"parameters": [{"name": "a", "choices": "all"}]}, "choices"),
        ({"parameters": [{"name": "a", "choice": []}]}, "choice"),
        ({"chart": {"kind": "pie", "label": "a", "values": "n"}}, "kind is one of"),
        ({"chart": {"kind": "bars", "label": "a"}}, "needs label and values"),
        ({"chart": {"kind": "bars", "label": "x", "values": "n"}}, "no column x"),
        ({"chart": {"kind": "bars", "label": "a", "values": "n", "mean": "m"}}, "no scalar m"),
        ({"chart": {"kind": "bars", "label": "a", "values": "n", "sort": "up"}}, "sort"),
        ({"chart": {"kind": "bars", "label": "a", "values": ["a", "n"], "parts": "a"}}, "parts"),
        ({"chart": {"kind": "bars", "label": "a", "values": "n", "colour": 1}}, "colour"),
    ],
)
def test_what_makes_no_sense_names_report_and_mart(said, told):
    with pytest.raises(DictionaryError) as error:
        read_report("some", "mart", {**PLAIN, **said})
    assert str(error.value).startswith("mart: report some")
    assert told in str(error.value)
