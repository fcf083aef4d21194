"""What a chart shows: the rows of a report summed by label, as its YAML says (``chart``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Report, ReportChart
from service.warehouse.stored_rows import RowPage

STEPS = 4  # parts that can be told apart: four steps of one colour
MAX_BARS, MAX_POINTS = 40, 400
OTHERS = "others"
Number = int | float


@dataclass(frozen=True)
class ChartEntry:
    """A bar, or a point: what it is called, and a number for each part."""

    label: str
    values: tuple[Number, ...]

    @property
    def total(self) -> Number:
        """The sum of its parts."""
        return sum(self.values)


@dataclass(frozen=True)
class Chart:
    """A chart of `kind` bars or line; each entry has as many values as there are `parts`.

    `left_out` entries are not shown, and have `left_out_total` in all.
    """

    kind: str
    title: str
    description: str
    parts: tuple[str, ...]
    entries: tuple[ChartEntry, ...]
    mean: float | None = None
    left_out: int = 0
    left_out_total: Number = 0

    @property
    def total(self) -> Number:
        """The sum of all entries, shown or not."""
        return sum(entry.total for entry in self.entries) + self.left_out_total


def titled(name: str) -> str:
    """A name for people: hires_by_quarter is "Hires by quarter"."""
    return name.replace("_", " ").capitalize()


def chart_of(
    report: Report, rows: RowPage, scalars: Mapping[str, Any], said: str = ""
) -> Chart | None:
    """The chart of a report's rows; None where its YAML says none. `said` are its arguments."""
    spec = report.chart
    if spec is None:
        return None
    title = f"{titled(report.name)}{f', {said}' if said else ''}"
    parts, entries = _summed(spec, rows)
    if spec.kind == "bars" and not spec.by_label:
        entries.sort(key=lambda entry: -entry.total)
    shown, rest = _shown(spec, entries)
    mean = None if spec.mean is None else scalars.get(spec.mean)
    return Chart(
        spec.kind,
        title,
        report.description,
        parts,
        tuple(shown),
        mean,
        len(rest),
        sum(entry.total for entry in rest),
    )


def _shown(
    spec: ReportChart, entries: Sequence[ChartEntry]
) -> tuple[Sequence[ChartEntry], Sequence[ChartEntry]]:
    """The entries to show, and the others: the shortest bars, or those that come first."""
    if spec.kind == "bars" and not spec.by_label:
        return entries[:MAX_BARS], entries[MAX_BARS:]
    most = MAX_BARS if spec.kind == "bars" else MAX_POINTS
    return entries[-most:], entries[:-most]


def _summed(spec: ReportChart, rows: RowPage) -> tuple[tuple[str, ...], list[ChartEntry]]:
    """The parts, and the entries in the order of the rows."""
    place = {name: number for number, name in enumerate(rows.names)}
    sums: dict[str, dict[str, Number]] = {}
    for row in rows.values:
        label = " · ".join(_text(row[place[name]]) for name in spec.label if row[place[name]] != "")
        of_label = sums.setdefault(label, {})
        for name in spec.values:
            part = name if spec.parts is None else _text(row[place[spec.parts]])
            of_label[part] = of_label.get(part, 0) + (row[place[name]] or 0)
    parts = spec.values if spec.parts is None else _largest(sums)
    entries = [
        ChartEntry(label, tuple(_value(found, part, parts) for part in parts))
        for label, found in sums.items()
    ]
    return tuple(map(_of_part, parts)), entries


def _largest(sums: Mapping[str, Mapping[str, Number]]) -> tuple[str, ...]:
    """The parts with the largest sums, those that there are no steps for as one."""
    totals: dict[str, Number] = {}
    for found in sums.values():
        for part, value in found.items():
            totals[part] = totals.get(part, 0) + value
    ordered = sorted(totals, key=lambda part: (-totals[part], part))
    return tuple(ordered) if len(ordered) <= STEPS else (*ordered[: STEPS - 1], OTHERS)


def _value(found: Mapping[str, Number], part: str, parts: Sequence[str]) -> Number:
    if part != OTHERS or OTHERS in found:
        return found.get(part, 0)
    return sum(value for name, value in found.items() if name not in parts)


def _of_part(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    return "–" if value is None else str(value)
