"""The YAML and the model of a table that a file was sketched as; suggestions stand in comments."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from service.sketches.file_columns import FileColumn, needs_synonym
from service.sketches.guesses import ColumnGuess, Parent


def model_of(guesses: Sequence[ColumnGuess]) -> str:
    """The model of one line."""
    parents = sorted({parent.table for guess in guesses for parent in _sure(guess)})
    refs = ", ".join(f"ref('{name}')" for name in parents)
    return f"{{{{ table_of_record({f'parents=[{refs}]' if refs else ''}) }}}}\n"


def page_of(table: str, rows: int, guesses: Sequence[ColumnGuess]) -> str:
    """The page of YAML: what holds of every row that was seen holds, the rest is suggested."""
    lines = [
        f"# Made of {rows:,} rows. Say what a row is, and what each column means; take suggestions",
        "# in by removing their `# `, and those out that are none. A share is that of the values.",
        "models:",
        f"  - name: {table}",
        f"    description: One row per {_singular(table)}.",
        "    data_tests:",
        "      - history_accounted_for",
        "    columns:",
    ]
    if not any(guess.is_key for guess in guesses):
        told = "no column has a value of its own in nearly every row: new rows are given an id"
        lines.insert(-3, f"    config: {{meta: {{key: generated}}}} # {told}")
        lines += [f"      {line}" for line in _generated(guesses)]
    for guess in guesses:
        lines += [f"      {line}" for line in _column(guess)]
    return "\n".join(lines) + "\n"


def _generated(guesses: Sequence[ColumnGuess]) -> Iterator[str]:
    names = {guess.column.name for guess in guesses}
    yield f"- name: {next(name for name in ('id', 'row_id', 'given_id') if name not in names)}"
    yield "  data_type: bigint"
    yield '  description: "Number of the row, given when it goes in."'
    yield "  constraints: [{type: primary_key}]"
    yield "  data_tests: [not_null, unique]"


def _column(guess: ColumnGuess) -> Iterator[str]:
    column = guess.column
    yield f"- name: {column.name}"
    yield f"  data_type: {guess.type.name}{_noted(guess.fit)}"
    yield f"  description: {_quoted(_words(column))}"
    if guess.is_key:
        yield "  constraints: [{type: primary_key}]"
    tests = list(_tests(guess))
    if tests:
        is_said = any(not line.startswith("#") for line in tests)
        yield "  data_tests:" if is_said else "  # data_tests:"
        yield from (f"    {line}" for line in tests)
    meta = dict(_meta(guess))
    if meta:
        yield f"  config: {{meta: {json.dumps(meta, ensure_ascii=False)}}}"


def _tests(guess: ColumnGuess) -> Iterator[str]:
    if guess.is_key or guess.filled == 1:
        yield f"- not_null{_noted(guess.filled, 'rows')}"
    if guess.is_key:
        yield f"- unique{_noted(guess.distinct)}"
    if guess.type.name == "varchar" and all(map(str.strip, guess.there)) and guess.there:
        yield "- not_blank"
    for parent in guess.parents:
        to = f"ref('{parent.table}')"
        rule = f"- relationships: {{arguments: {{to: {to}, field: {parent.field}}}}}"
        if parent in _sure(guess):
            yield rule
        else:
            yield f"# {rule} # {_percent(parent.share)}; and parents=[{to}] in the model"
    for kind, arguments, share in guess.rules:
        said = f"- {kind}: {{arguments: {json.dumps(arguments, ensure_ascii=False)}}}"
        yield f"# {said if arguments else f'- {kind}'} # {_percent(share)}"


def _sure(guess: ColumnGuess) -> list[Parent]:
    """The one table that has all the values: there are other tables with the same numbers."""
    all_known = [parent for parent in guess.parents if parent.share == 1]
    return all_known if len(all_known) == 1 else []


def _meta(guess: ColumnGuess) -> Iterator[tuple[str, Any]]:
    if needs_synonym(guess.column):
        yield "synonyms", [guess.column.header]
    if guess.there:
        read = guess.type.from_text(next(filter(guess.fits, guess.there)))
        yield "example", read


def _words(column: FileColumn) -> str:
    words = column.name.replace("_", " ").strip()
    return f"{words[0].upper()}{words[1:]}, as the file has it."


def _singular(table: str) -> str:
    return table.replace("_", " ").removesuffix("s") or table


def _noted(share: float, of: str = "values") -> str:
    return "" if share == 1 else f" # {_percent(share)} of the {of}"


def _percent(share: float) -> str:
    """Never 100 % where it is less."""
    return f"{int(share * 1000) / 10:g} %"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
