"""Charts: what they sum, and what they draw."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dictionary import Report, ReportChart, ReportSort
from service.reports.chart_data import MAX_BARS, Chart, ChartEntry, chart_of
from service.reports.chart_png import png_of
from service.reports.chart_scale import Scale, written
from service.reports.chart_svg import svg_of, whole_svg
from service.warehouse.stored_rows import RowPage

SVG = "{http://www.w3.org/2000/svg}"


def drawn_by(chart: ReportChart, columns: tuple[str, ...], *rows: tuple[object, ...]) -> Chart:
    order = tuple(map(ReportSort, columns))
    report = Report("some_report", "Some.", "mart", (), columns, order, chart=chart)
    found = chart_of(report, RowPage(columns, rows), {"mean": 2.5})
    assert found is not None
    return found


def test_rows_of_one_label_are_one_bar_and_the_longest_is_first():
    chart = drawn_by(
        ReportChart("bars", ("department",), ("q1", "q2"), mean="mean"),
        ("department", "job", "q1", "q2"),
        *(("A", "x", 1, 0), ("B", "x", 3, 4), ("A", "y", 2, None)),
    )
    assert chart.entries == (ChartEntry("B", (3, 4)), ChartEntry("A", (3, 0)))
    assert (chart.total, chart.mean, chart.title) == (10, 2.5, "Some report")


def test_parts_for_which_there_is_no_step_are_one():
    rows = [("day", f"rule {number}", 10 - number) for number in range(6)]
    chart = drawn_by(
        ReportChart("bars", ("day",), ("n",), parts="rule"), ("day", "rule", "n"), *rows
    )
    assert chart.parts == ("rule 0", "rule 1", "rule 2", "others")
    assert chart.entries == (ChartEntry("day", (10, 9, 8, 7 + 6 + 5)),)


@pytest.mark.parametrize(("by_label", "first"), [(False, "99"), (True, "60")])
def test_bars_that_there_is_no_room_for_are_counted(by_label, first):
    rows = [(str(number), number) for number in range(100)]
    chart = drawn_by(ReportChart("bars", ("a",), ("n",), by_label=by_label), ("a", "n"), *rows)
    assert (len(chart.entries), chart.left_out, chart.total) == (MAX_BARS, 60, 4950)
    assert chart.entries[0].label == first
    assert "and 60 more" in svg_of(chart)


ENTRIES = st.lists(
    st.builds(ChartEntry, st.text(max_size=40), st.tuples(*[st.integers(0, 10**9)] * 3)),
    max_size=12,
)


@settings(deadline=None)
@given(ENTRIES, st.sampled_from(["bars", "line"]), st.booleans(), st.none() | st.floats(0, 1e9))
def test_any_rows_make_a_picture_that_stays_within_itself(entries, kind, narrow, mean):
    chart = Chart(kind, "<Title> & more", "Said.", ("a", "b", "c"), tuple(entries), mean)
    svg = ElementTree.fromstring(printable(svg_of(chart, narrow)))
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    assert svg.get("role") == "group"
    assert svg.get("aria-label") == "<Title> & more"
    assert svg.get("style") is None
    for rect in svg.iter(f"{SVG}rect"):
        x, y, wide, high = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
    if kind == "bars":
        bars = [each.get("aria-label", "") for each in svg.iter(f"{SVG}g")]
        assert len(bars) == len(entries)


def printable(text: str) -> str:
    """Without what XML has no way to write; such labels are the test's alone."""
    return "".join(
        each for each in text if each in "\t\n\r" or (each >= " " and each not in "\ufffe\uffff")
    )


@settings(deadline=None)
@given(st.floats(0, 1e12), st.floats(-1e6, 0))
def test_a_scale_has_the_numbers_on_it_and_few_lines(highest, lowest):
    scale = Scale.of(highest, lowest)
    slack = 1e-6 * (highest - lowest) + 1e-9
    assert scale.low - slack <= lowest <= highest <= scale.high + slack
    assert 2 <= len([*scale.lines()]) <= 9


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, "1 234 567"), (151.25, "151.2"), (2.0, "2")]
)
def test_numbers_have_thin_spaces_and_one_decimal(value, text):
    assert written(value) == text.replace(" ", "\u2009")


def test_text_is_drawn_by_the_font_that_is_shipped():
    named = Chart("bars", "Title", "", ("n",), (ChartEntry("Ünï", (1,)),))
    nameless = Chart("bars", "Title", "", ("n",), (ChartEntry("", (1,)),))
    assert len(png_of(named)) > len(png_of(nameless)) + 100


def test_a_file_has_its_styles_and_asks_for_nothing():
    text = whole_svg(Chart("line", "T", "", ("n",), (ChartEntry("a", (1,)),)))
    assert "prefers-color-scheme: dark" in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") == 1
