"""Output of commands: tables or JSON on stdout, notes and progress on stderr.

On a terminal tables are drawn; in a pipe they are tab-separated lines under a header.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from service.runtime.printable import printable

Row = Mapping[str, Any]
INDENT = "    "


def is_terminal() -> bool:
    """Whether people read along, and no program."""
    return sys.stdout.isatty()


def print_json(value: Any) -> None:
    """Prints one JSON document, in ASCII, so that no value can send codes to a terminal."""
    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def note(text: str) -> None:
    """Prints a line for people on stderr."""
    click.echo(printable(text), err=True)


def line(text: str) -> None:
    """Prints a line on stdout."""
    click.echo(printable(text))


def table(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Prints `rows` under a header, with a column for each name of `columns`."""
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for texts in ([column.replace("_", " ") for column in columns], *cells):
            click.echo("\t".join(texts))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        # the first one names the row, and is what people copy
        drawn.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == columns[0])
    for texts in cells:
        drawn.add_row(*map(Text, texts))
    Console().print(drawn)


def entries(
    rows: Iterable[Row], columns: Sequence[str], told: Callable[[Row], Sequence[str]]
) -> None:
    """As `table`; on a terminal, where so many columns would be squeezed, several lines for each.

    `told` gives the lines of a row: the first names it, the others are set in below.
    """
    if not sys.stdout.isatty():
        table(rows, columns)
        return
    import shutil
    import textwrap

    width = shutil.get_terminal_size().columns
    for row in rows:
        head, *more = (printable(each) for each in told(row))
        click.secho(head, bold=True)
        for text in more:
            click.echo(textwrap.fill(text, width, initial_indent=INDENT, subsequent_indent=INDENT))


def count_line(name: str, counts: Row) -> str:
    """The counts of a load: "jobs 3 rows (1 accepted, 2 rejected, 0 already present)"."""
    return (
        f"{name} {counts['received']} rows ({counts['accepted']} accepted, "
        f"{counts['rejected']} rejected, {counts['already_present']} already present)"
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

    bar = Progress(
        console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda done, total=total: bar.update(task, advance=done, total=total)
