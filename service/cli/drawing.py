"""Tables on a terminal: drawn where they fit, else an entry of a few lines for each row."""

import re
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

import click

Texts = Sequence[str]
GAP = 2  # columns of the terminal between two of a table
PROSE = 16  # a text column that is longer may be wrapped, to no less than this
INDENT = "    "
WHOLE_WORDS: Any = {"break_long_words": False, "break_on_hyphens": False}


def width() -> int:
    """Of the terminal, in columns."""
    return shutil.get_terminal_size().columns


def wrapped(text: str, indent: str = "", first: str = "") -> str:
    """`text` in lines of the terminal's width, after the first with an indent.

    No word is cut, so that a path or an id can be copied.
    """
    return textwrap.fill(
        text, max(width(), 20), initial_indent=first, subsequent_indent=indent, **WHOLE_WORDS
    )


def draw(names: Texts, rows: Sequence[Texts]) -> None:
    """Prints the rows under the names of their columns, none of which is squeezed or cut.

    Where that is too wide, columns without any value are left out, then long texts are wrapped.
    Where that does not do either, each row is an entry: a line for each of its values.
    """
    if not rows:
        click.echo("none")
        return
    room = width()
    widths = _widths(names, rows)
    if sum(widths) > _room_for(len(widths), room):
        names, rows = _without_empty(names, rows)
        widths = _fitted(_widths(names, rows), _is_prose(rows), room)
    if widths:
        _draw_table(names, rows, widths)
    else:
        _print_entries(names, rows, room)


def _widths(names: Texts, rows: Sequence[Texts]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]


def _room_for(columns: int, room: int) -> int:
    """What is left for the values."""
    return room - GAP * (columns - 1)


def _without_empty(names: Texts, rows: Sequence[Texts]) -> tuple[Texts, list[Texts]]:
    kept = [i for i in range(len(names)) if any(row[i] for row in rows)]
    return [names[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _is_prose(rows: Sequence[Texts]) -> list[bool]:
    """Whether a column has words that can be wrapped, and is no identifier, number or time."""
    return [any(" " in value for value in column) for column in zip(*rows, strict=True)]


def _fitted(widths: list[int], is_prose: Sequence[bool], room: int) -> list[int]:
    """The widths, the widest of texts made smaller until all fit; [] where they do not."""
    left = _room_for(len(widths), room)
    fitted = [min(each, room) for each in widths]
    while sum(fitted) > left:
        candidates = [i for i, prose in enumerate(is_prose) if prose and fitted[i] > PROSE]
        if not candidates:
            return []
        fitted[max(candidates, key=lambda i: fitted[i])] -= 1
    return fitted


_is_number = re.compile(r"-?\d+(\.\d+)?|").fullmatch


def _draw_table(names: Texts, rows: Sequence[Texts], widths: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, (name, size) in enumerate(zip(names, widths, strict=True)):
        is_numbers = all(_is_number(row[number]) for row in rows)
        drawn.add_column(
            name, width=size, overflow="fold", justify="right" if is_numbers else "left"
        )
    for texts in rows:
        drawn.add_row(*map(Text, texts))
    Console(width=width()).print(drawn)


def _print_entries(names: Texts, rows: Sequence[Texts], room: int) -> None:
    """The first value names its row, the others stand below, each with its column's name."""
    left = max(map(len, names[1:]), default=0) + GAP
    for head, *values in rows:
        click.secho(head, bold=True)
        for name, value in zip(names[1:], values, strict=True):
            if value:
                click.echo(_labelled(name, value, left, room))


def _labelled(name: str, value: str, left: int, room: int) -> str:
    """A value beside its name; below it where it would be cut."""
    first, rest = f"{INDENT}{name:{left}}", " " * (len(INDENT) + left)
    if max(map(len, value.split() or [""])) > room - len(rest):
        first, rest = f"{INDENT}{name}\n{INDENT}{INDENT}", INDENT * 2
    body = textwrap.fill(value, max(room - len(rest), 10), **WHOLE_WORDS)
    return first + body.replace("\n", f"\n{rest}")
