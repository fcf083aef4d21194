"""Output of commands: tables or JSON on stdout, notes and progress on stderr.

On a terminal tables are drawn; in a pipe they are tab-separated lines under a header.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from service.cli import drawing
from service.runtime.printable import printable
from service.runtime.wording import counted

Row = Mapping[str, Any]
INDENT = "    "
_is_timestamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z").fullmatch


def is_terminal() -> bool:
    """Whether people read along, and no program."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Whether there is someone at a terminal to ask."""
    return sys.stdin.isatty()


def print_json(value: Any) -> None:
    """Prints one JSON document, in ASCII, so that no value can send codes to a terminal."""
    click.echo(json.dumps(value, indent=2 if is_terminal() else None))


def note(text: str) -> None:
    """Prints a line for people on stderr; on a terminal as many as it takes."""
    shown = printable(text)
    click.echo(drawing.wrapped(shown, "  ") if sys.stderr.isatty() else shown, err=True)


def message(text: str | None) -> None:
    """Prints what someone else has said, each line of it, on stderr."""
    for each in (text or "").splitlines():
        note(f"  {each}")


def line(text: str) -> None:
    """Prints a line on stdout; on a terminal as many as it takes."""
    shown = printable(text)
    click.echo(drawing.wrapped(shown, "  ") if is_terminal() else shown)


def table(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Prints `rows` under a header, with a column for each name of `columns`."""
    names = [column.replace("_", " ") for column in columns]
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    if is_terminal():
        drawing.draw(names, [[_in_seconds(text) for text in texts] for texts in cells])
        return
    for texts in (names, *cells):
        click.echo("\t".join(texts))


def entries(
    rows: Iterable[Row], columns: Sequence[str], told: Callable[[Row], Sequence[str]]
) -> None:
    """As `table`; on a terminal, where so many columns would be squeezed, several lines for each.

    `told` gives the lines of a row: the first names it, the others are set in below.
    """
    if not is_terminal():
        table(rows, columns)
        return
    for row in rows:
        head, *more = (printable(each) for each in told(row))
        click.secho(drawing.wrapped(head), bold=True)
        for text in more:
            click.echo(drawing.wrapped(text, INDENT, INDENT))


def count_line(name: str, counts: Row) -> str:
    """The counts of a load: "jobs 3 rows (1 accepted, 2 rejected, 0 already present)"."""
    more = "".join(
        f", {counts[each]:,} {each}" for each in ("changed", "removed") if counts.get(each)
    )
    return (
        f"{name} {counted(counts['received'], 'row')} ({counts['accepted']:,} accepted, "
        f"{counts['rejected']:,} rejected, {counts['already_present']:,} already present{more})"
    )


def cell(value: Any) -> str:
    """`value` as one line of text: lists are joined by "; ", None is empty, the rest is JSON."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(cell, value))
    if isinstance(value, str):
        return printable(value)
    return json.dumps(value)


def _in_seconds(text: str) -> str:
    """A time without its fraction, for people."""
    return f"{text[:19]}Z" if _is_timestamp(text) else text


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Shows a progress bar on stderr, where that is a terminal.

    Call the function that it yields with the steps since the last call, and optionally with a new
    total: ``with progress("backing up", 3) as step: step(1)``.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True, redirect_stdout=is_terminal())
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda done, total=total: bar.update(task, advance=done, total=total)
