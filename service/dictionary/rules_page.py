"""Makes docs/rules.md of the rule kinds and their words.

    python -m service.dictionary.rules_page > docs/rules.md

`make docs` does that; a test says when it was forgotten.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from service.dictionary.rule_kind import Kind
from service.dictionary.rule_words import ROW_VIOLATIONS, Words
from service.dictionary.rules import KINDS

TABLE = "employees"  # of the examples
HEAD = """\
# Rules

<!-- Made by `make docs` from service/dictionary/rules.py and rule_words.py. -->

A rule is a dbt data test on a column, or on the model for the row as a whole, in the YAML of the
model. Each row that comes in is judged by all rules of its table, whichever way it comes. A row
that breaks one is kept out and told of, with every reason. A missing value breaks no rule but
`not_null`.

`config: {where: "contract = 'permanent'"}` says of which rows a rule is asked.
`config: {severity: warn}` says that a row which breaks it goes in and is listed
(`gatehouse warnings`, `GET /v1/warnings`). Neither is for rules that need other rows: `unique` and
`relationships`.

Each example has the YAML of a column of `employees`, a row that breaks the rule, what is said of
it, and the row mended. The key of `employees` is `id`; it has the rules `not_null` and `unique`.
"""
OWN = """\
# Rules of your own

A kind of your own is a macro that gives a predicate in SQL over one row, and a test that proves it
on the rows that are in. There is nothing else to write: requests, files, replays and restores are
judged by it, too. In a file under `dbt_project/macros/`:

```sql
{% macro rule_multiple_of(column, n) %}{{ column }} % {{ n }} = 0{% endmacro %}

{% test multiple_of(model, column_name, n) %}
{{ rows_that_break(model, rule_multiple_of(column_name, n), column_name) }}
{% endtest %}
```

```yaml
- name: quantity
  data_type: integer
  data_tests:
    - multiple_of: {arguments: {n: 12}, description: A multiple of twelve.}
```

What is said of a row that breaks it: `quantity: A multiple of twelve`; without a `description`,
`quantity breaks the rule multiple_of (n: 12)`. A rule of the row as a whole takes no `column`.

Where the predicate is null, the row fits. It may look at columns of its row, and call functions
that answer the same at all times; a build refuses tables, subqueries, aggregates, windows,
settings, `now()`, `random()`, and says which. A row for which it fails, as on a cast that cannot
be, breaks the rule at every door, and is told so: `it cannot be evaluated for this row`. Where that
is meant to fit, write `try_cast`. A macro that changed counts from the next build on; until then a
file that is sent is refused, so that it is not judged by another rule than a request.
"""
OTHERS = """\
# Other reasons

These are no rules that a column could have; each row is judged by them.
"""


def page() -> str:
    """The text of docs/rules.md: a section for each kind of rule, then for each other reason."""
    rules = [_of_rule(name, kind) for name, kind in sorted(KINDS.items())]
    others = [
        _section(name, each.words, each.message) for name, each in sorted(ROW_VIOLATIONS.items())
    ]
    contents = f"- rules: {_links(KINDS)}\n- other reasons: {_links(ROW_VIOLATIONS)}\n"
    return "\n".join([HEAD, contents, *rules, OWN, OTHERS, *others])


def _links(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}](#{name})" for name in sorted(names))


def _of_rule(name: str, kind: Kind) -> str:
    words = kind.words
    args = {**words.args, "parent": next(iter(words.there), None)}
    message = kind.message(words.column or "", args, broken_value(words))
    arguments = [f"- `{argument}`: {meaning}." for argument, meaning in words.arguments.items()]
    in_words = f"- In words, as the dictionary has it: {kind.says(args)}."
    facts = [f"- {_place_of(kind)}", *arguments, in_words, ""]
    return _section(name, words, message, [*facts, *_block(example_yaml(name, words), "yaml")])


def _place_of(kind: Kind) -> str:
    """What it can be a rule of, as a sentence."""
    if not kind.of_columns:
        return "Of the row as a whole: it stands under the `data_tests` of the model."
    types = "any" if kind.types is None else ", ".join(f"`{each}`" for each in sorted(kind.types))
    if kind.unfit:
        types += f" but {', '.join(f'`{each}`' for each in sorted(kind.unfit))}"
    also = (
        " Also of the row as a whole, under the `data_tests` of the model." if kind.of_rows else ""
    )
    return f"Columns of type: {types}.{also}"


def _section(name: str, words: Words, message: str, facts: Sequence[str] = ()) -> str:
    there = [f"`{table}` has the row `{row}`." for table, row in words.there.items()]
    lines = [
        *(f"## {name}", "", words.demands, "", *facts),
        *(" ".join([*there, "A row that breaks it:"]), "", *_block(words.breaks)),
        *("What is said of it:", "", f"> {message}", ""),
        *(f"What mends it: {words.remedy}", "", *_block(words.fits)),
    ]
    return "\n".join(lines)


def _block(text: str, language: str = "") -> list[str]:
    return [f"```{language}", text, "```", ""]


def example_yaml(name: str, words: Words) -> str:
    """The example's column, or its model's tests, as dbt's YAML has it, with the rule `name`."""
    rule = name
    if words.args:
        args = ", ".join(f"{key}: {_written(value)}" for key, value in words.args.items())
        rule = f"{name}: {{arguments: {{{args}}}}}"
    if words.column is None:
        return f"data_tests:\n  - {rule}"
    return f"- name: {words.column}\n  data_type: {words.type_name}\n  data_tests:\n    - {rule}"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return f"'{value}'" if set("[]{},:#&*") & set(str(value)) else str(value)


def broken_value(words: Words) -> Any:
    """What the row that breaks the rule has in the example's column; None where it has nothing."""
    row: Mapping[str, Any] = msgspec.json.decode(words.breaks)
    return row.get(words.column) if words.column else None


if __name__ == "__main__":
    sys.stdout.write(page())
