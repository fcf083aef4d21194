"""What a run says: tables for people as it goes, one JSON file for everything."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

Cell = str | float | int | None


@dataclass
class Report:
    """Prints each table when it is there, keeps it and the figures behind it."""

    command: str
    machine: dict[str, Any]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    tables: list[dict[str, Any]] = field(default_factory=list)

    def open(self) -> None:
        """Says what runs where."""
        print(f"`{self.command}`, {self.began:%Y-%m-%d %H:%M} UTC\n")
        for what, said in self.machine.items():
            text = ", ".join(map(" ".join, said.items())) if isinstance(said, dict) else said
            print(f"- {what}: {text}")

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        figures: Any,
        note: str = "",
    ) -> None:
        """Prints a table; `figures` are the single measurements that it comes from."""
        shown = [[_cell(cell) for cell in row] for row in rows]
        self.tables.append(
            {"title": title, "columns": columns, "rows": shown, "note": note, "figures": figures}
        )
        print(f"\n**{title}**\n\n{markdown(columns, shown)}", flush=True)
        if note:
            print(f"\n{note}", flush=True)

    def say(self, text: str) -> None:
        """Prints what is not a table."""
        self.tables.append({"note": text})
        print(f"\n{text}", flush=True)

    def write(self, folder: Path) -> Path:
        """Writes ``<date>T<time>.json`` and answers where."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.began:%Y-%m-%dT%H%M%S}.json"
        content = {
            "command": self.command,
            "began": f"{self.began:%Y-%m-%dT%H:%M:%SZ}",
            "machine": self.machine,
            "tables": self.tables,
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n")
        return path


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all but the first column to the right."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    rule = [f"{'-' * (width - bool(i))}{':' if i else ''}" for i, width in enumerate(widths)]
    lines = [
        " | ".join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [list(columns), rule, *rows]
    ]
    return "\n".join(f"| {line} |" for line in lines)


def spread(values: Sequence[float]) -> str:
    """The median with least and most."""
    if len(values) == 1:
        return _cell(values[0])
    return f"{_cell(median(values))} ({_cell(min(values))}–{_cell(max(values))})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them lie below; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if abs(value) >= 100 or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
