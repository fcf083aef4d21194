"""Charts as SVG: classes in place of colours, so that light, dark and print are the stylesheet's.

The text works within a page (`svg_of`), where its stylesheet is charts.css, and by itself
(`whole_svg`), with the styles in it.
"""

from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

from service.reports.chart_data import Chart, ChartEntry
from service.reports.chart_scale import Scale, written

STYLES = Path(__file__).with_name("charts.css")
WIDE, NARROW = 760, 340
ROW, NARROW_ROW, LEFT, RIGHT, TOP, BOTTOM = 26, 42, 190, 60, 28, 26
INSIDE = 26  # a number stands in a part of a bar that is wider
CHARACTER = 7.2  # the width of one, about


@cache
def styles() -> str:
    """The stylesheet of all charts."""
    return STYLES.read_text("utf-8")


def svg_of(chart: Chart, narrow: bool = False) -> str:
    """The chart as an ``<svg>`` element; `narrow` for phones, with labels above the bars."""
    drawn = _Line(chart, narrow) if chart.kind == "line" else _Bars(chart, narrow)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart{" narrow" * narrow}"'
        f' viewBox="0 0 {drawn.width} {drawn.height}" role="group"'
        f' aria-label="{escape(chart.title)}"><title>{escape(chart.title)}</title>'
        f"<desc>{escape(_described(chart))}</desc>"
    )
    return head + "".join(drawn.elements()) + "</svg>"


def whole_svg(chart: Chart) -> str:
    """The chart as a file: with its styles, a ground, and its title."""
    text = svg_of(chart)
    start = text.index("</desc>") + len("</desc>")
    view = text.index("viewBox=")
    height = int(text[view:].split('"')[1].split()[3])
    size = f'width="{WIDE}" height="{height + 32}" '
    head = text[:start].replace(
        f'viewBox="0 0 {WIDE} {height}"', f'{size}viewBox="0 -32 {WIDE} {height + 32}"'
    )
    title = f'<text class="total" x="8" y="-10">{escape(chart.title)}</text>'
    ground = f'<rect class="ground" x="0" y="-32" width="{WIDE}" height="{height + 32}"/>'
    return f"{head}<style>{styles()}</style>{ground}{title}{text[start:]}"


def _described(chart: Chart) -> str:
    mean = "" if chart.mean is None else f" The mean is {written(chart.mean)}."
    return f"{chart.description} {written(chart.total)} in all.{mean}"


def _text(kind: str, x: float, y: float, said: str, anchor: str = "start") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}"'
    ends = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" {where}{ends}>{escape(said)}</text>'


def _cut(text: str, width: float) -> str:
    most = int(width / CHARACTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


class _Drawing:
    """What bars and lines share."""

    def __init__(self, chart: Chart, narrow: bool) -> None:
        self.chart, self.narrow = chart, narrow
        self.width = NARROW if narrow else WIDE
        self.top = TOP if len(chart.parts) > 1 else 6

    def legend(self) -> Iterator[str]:
        """The parts and their colours, where there are several."""
        parts = self.chart.parts
        if len(parts) < 2:
            return
        x: float = 0
        for number, part in enumerate(parts):
            yield self.sample(number, x)
            yield _text("tick", x + 16, 14, part)
            x += 30 + CHARACTER * len(part)

    def sample(self, number: int, x: float) -> str:
        """The colour of a part."""
        return f'<rect class="s{min(number, 3)}" x="{x:.1f}" y="4" width="11" height="11"/>'

    def nothing(self) -> str:
        """What is shown where there are no rows."""
        return _text("tick", self.width / 2, self.top + 24, "no rows", "middle")


class _Bars(_Drawing):
    """One bar for each entry, lying; its parts side by side, its sum behind."""

    def __init__(self, chart: Chart, narrow: bool) -> None:
        super().__init__(chart, narrow)
        self.row = NARROW_ROW if narrow else ROW
        self.left = 0 if narrow else LEFT
        self.scale = Scale.of(max([e.total for e in chart.entries] + [chart.mean or 0], default=0))
        self.plot = self.width - self.left - RIGHT
        self.end = self.top + self.row * max(len(chart.entries), 1)
        self.height = self.end + BOTTOM + 16 * bool(chart.left_out or chart.mean is not None)

    def elements(self) -> Iterator[str]:
        yield from self.legend()
        if not self.chart.entries:
            yield self.nothing()
            return
        yield from self.grid()
        for number, entry in enumerate(self.chart.entries):
            yield from self.bar(entry, self.top + number * self.row)
        yield from self.mean()
        if self.chart.left_out:
            total = written(self.chart.left_out_total)
            said = f"and {self.chart.left_out} more, {total} in all"
            yield _text("tick", self.left, self.end + BOTTOM + 10, said)

    def x(self, value: float) -> float:
        return self.left + self.scale.place(value, self.plot)

    def grid(self) -> Iterator[str]:
        lines = [*self.scale.lines()]
        for value in lines[:: 2 if self.narrow and len(lines) > 4 else 1]:
            x = self.x(value)
            yield (
                f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" y2="{self.end}"/>'
            )
            anchor = "start" if self.narrow and not value else "middle"
            yield _text("tick", x, self.end + 16, written(value), anchor)

    def bar(self, entry: ChartEntry, y: float) -> Iterator[str]:
        said = f"{entry.label}: {written(entry.total)}"
        if len(entry.values) > 1:
            pairs = zip(self.chart.parts, entry.values, strict=True)
            said += f" ({', '.join(f'{part} {written(value)}' for part, value in pairs)})"
        yield f'<g role="img" aria-label="{escape(said)}"><title>{escape(said)}</title>'
        height = 18 if self.narrow else self.row - 6
        top = y + 18 if self.narrow else y
        if self.narrow:
            yield _text("label", 0, y + 13, _cut(entry.label, self.width))
        else:
            label = _cut(entry.label, LEFT - 10)
            yield _text("label", self.left - 8, y + height * 0.72, label, "end")
        at: float = 0
        for number, value in enumerate(entry.values):
            if value > 0:
                yield from self.part(number, at, value, top, height)
                at += value
        yield _text("total", self.x(at) + 5, top + height * 0.72, written(entry.total))
        yield "</g>"

    def part(self, number: int, at: float, value: float, y: float, height: int) -> Iterator[str]:
        kind = f"s{min(number, 3)}" if len(self.chart.parts) > 1 else "only"
        start, end = self.x(at), self.x(at + value)
        width = max(end - start - 1, 0.5)
        yield (
            f'<rect class="{kind}" x="{start:.1f}" y="{y:.1f}" width="{width:.1f}"'
            f' height="{height}"/>'
        )
        if end - start > INSIDE and len(self.chart.parts) > 1:
            middle = (start + end) / 2
            yield _text(f"in {kind}", middle, y + height * 0.7, written(value), "middle")

    def mean(self) -> Iterator[str]:
        if self.chart.mean is None:
            return
        x = self.x(self.chart.mean)
        for kind in ("halo", "mean"):
            yield (
                f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" y2="{self.end}"/>'
            )
        anchor = "end" if x > self.width * 0.7 else "start"
        said = f"mean {written(self.chart.mean)}"
        yield _text("meanlabel", x, self.end + BOTTOM + 8, said, anchor)


class _Line(_Drawing):
    """A line for each part over what the labels say, from left to right."""

    def __init__(self, chart: Chart, narrow: bool) -> None:
        super().__init__(chart, narrow)
        values = [value for entry in chart.entries for value in entry.values]
        self.scale = Scale.of(max(values, default=0), min(values, default=0))
        self.left, self.right = 52, 58
        self.end = self.top + 190
        self.height = self.end + BOTTOM

    def elements(self) -> Iterator[str]:
        yield from self.legend()
        if not self.chart.entries:
            yield self.nothing()
            return
        for value in self.scale.lines():
            y = self.y(value)
            ends = f'x1="{self.left}" x2="{self.width - self.right}" y1="{y:.1f}" y2="{y:.1f}"'
            yield f'<line class="grid" {ends}/>'
            yield _text("tick", self.left - 6, y + 4, written(value), "end")
        yield from self.labels()
        for number in range(len(self.chart.parts)):
            yield from self.line(number)

    def sample(self, number: int, x: float) -> str:
        kind = f"line l{min(number, 3)}"
        return f'<line class="{kind}" x1="{x:.1f}" x2="{x + 13:.1f}" y1="10" y2="10"/>'

    def x(self, number: int) -> float:
        plot = self.width - self.left - self.right
        return self.left + plot * number / max(len(self.chart.entries) - 1, 1)

    def y(self, value: float) -> float:
        return self.end - self.scale.place(value, self.end - self.top)

    def labels(self) -> Iterator[str]:
        entries = self.chart.entries
        widest = max(len(entry.label) for entry in entries) * CHARACTER + 16
        fitting = max(int((self.width - self.left - self.right) / widest), 1)
        step = -(-len(entries) // fitting)
        for number in range(0, len(entries), step):
            yield _text("tick", self.x(number), self.end + 18, entries[number].label, "middle")

    def line(self, number: int) -> Iterator[str]:
        part, entries = self.chart.parts[number], self.chart.entries
        points = [(self.x(i), self.y(entry.values[number])) for i, entry in enumerate(entries)]
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline class="line l{min(number, 3)}" points="{places}"/>'
        for (x, y), entry in zip(points, entries, strict=True):
            said = f"{entry.label}, {part}: {written(entry.values[number])}"
            yield (
                f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3" role="img"'
                f' aria-label="{escape(said)}"><title>{escape(said)}</title></circle>'
            )
        x, y = points[-1]
        yield _text("total", x + 7, y + 4, written(entries[-1].values[number]))
