"""How a dictionary differs from the one before, in a table of changes; who has to change for it."""

from collections.abc import Mapping
from typing import get_args

import pytest

from service.dictionary import Dictionary, DictionaryError
from service.dictionary.dictionary_change import ChangeKind, DictionaryChange
from service.dictionary.evolution import compare
from tests.support import CHECKOUT
from tests.support.changed_dictionary import dictionary

Columns = Mapping[str, str]
PLAIN = {"id": "integer", "name": "varchar", "size": "smallint"}


def things(**columns: str) -> Columns:
    """The table of before, some of its columns otherwise."""
    return {**PLAIN, **columns}


# The columns of before, those of now, and what is said of it; * is what breaks clients.
CHANGES: dict[str, tuple[Columns, Columns, list[str]]] = {
    "nothing": (PLAIN, PLAIN, []),
    "added": (PLAIN, things(extra="date"), ["things.extra added (date)"]),
    "added_with_default": (
        PLAIN, things(extra="date;not_null;default=2020-01-01"), ["things.extra added (date)"],
    ),
    "added_required": (PLAIN, things(extra="date;not_null"), ["*things.extra added (date)"]),
    "dropped": (PLAIN, {"id": "integer", "name": "varchar"}, ["*things.size dropped"]),
    "renamed": (
        PLAIN, {"id": "integer", "title": "varchar;was=name", "size": "smallint"},
        ["*things.title renamed (name before, title now)"],
    ),
    "renamed_long_ago": (PLAIN, things(name="varchar;was=label"), []),
    "key_renamed": (
        PLAIN, {"number": "integer;was=id", "name": "varchar", "size": "smallint"},
        ["*things.number renamed (id before, number now)"],
    ),
    "key_moved": (
        PLAIN, {"name": "varchar", "id": "integer", "size": "smallint"},
        ["*things: key changed (id before, name now)",
         "*things.name: rule added (not_null: a value is required)",
         "*things.name: rule added (unique: different in every row)",
         "things.id: rule removed (not_null: a value is required)",
         "things.id: rule removed (unique: different in every row)"],
    ),
    "widened": (
        PLAIN, things(size="bigint"), ["things.size widened (smallint before, bigint now)"],
    ),
    "narrowed": (
        PLAIN, things(size="tinyint"), ["*things.size narrowed (smallint before, tinyint now)"],
    ),
    "retyped": (
        PLAIN, things(size="varchar"), ["*things.size retyped (smallint before, varchar now)"],
    ),
    "longer": (
        things(name="varchar(5)"), things(name="varchar(9)"),
        ["things.name: rule relaxed (max_length: at most 5 characters before,"
         " at most 9 characters now)"],
    ),
    "shorter": (
        things(name="varchar(9)"), things(name="varchar(5)"),
        ["*things.name: rule tightened (max_length: at most 9 characters before,"
         " at most 5 characters now)"],
    ),
    "no_length": (
        things(name="varchar(9)"), PLAIN,
        ["things.name: rule removed (max_length: at most 9 characters)"],
    ),
    "rule_that_warns": (
        PLAIN, things(name="varchar;not_blank(severity='warn')"),
        ["things.name: rule added (not_blank: not blank)"],
    ),
    "warns_no_more": (
        things(name="varchar;not_blank(severity='warn')"), things(name="varchar;not_blank"),
        ["*things.name: rule tightened (not_blank: not blank before, not blank now)"],
    ),
    "fewer_values": (
        things(name="varchar;accepted_values(values=['a','b'])"),
        things(name="varchar;accepted_values(values=['a'])"),
        ["*things.name: rule tightened (accepted_values: one of a, b before, one of a now)"],
    ),
    "other_values": (
        things(name="varchar;accepted_values(values=['a','b'])"),
        things(name="varchar;accepted_values(values=['a','c'])"),
        ["*things.name: rule changed (accepted_values: one of a, b before, one of a, c now)"],
    ),
    "wider_range": (
        things(size="smallint;in_range(min=1,max=5)"), things(size="smallint;in_range(max=10)"),
        ["things.size: rule relaxed (in_range: at least 1 and at most 5 before, at most 10 now)"],
    ),
    "default_gone": (
        things(size="smallint;not_null;default=1"), things(size="smallint;not_null"),
        ["*things.size: default changed (1 before, none now)"],
    ),
    "key_generated": (
        {"id": "bigint"}, {"id": "bigint", "_key": "generated"},
        ["*things.id: generation changed (sent before, generated now)"],
    ),
    "key_sent": (
        {"id": "bigint", "_key": "generated"}, {"id": "bigint"},
        ["*things.id: generation changed (generated before, sent now)"],
    ),
    "words": (PLAIN, things(size="smallint;about=Other."), ["things.size: described anew"]),
}  # fmt: skip


def said(changes: list[DictionaryChange]) -> list[str]:
    return [f"{'*' if each.breaks_clients else ''}{each.described}" for each in changes]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_as_what_it_is_and_whom_it_breaks(name: str) -> None:
    before, now, told = CHANGES[name]
    found = compare(dictionary(things=before), dictionary(things=now))
    assert said(found) == told


def test_each_kind_of_change_is_in_a_table_of_changes_and_its_page() -> None:
    told = " ".join(each for _, _, said_of in CHANGES.values() for each in said_of)
    of_tables = {"table added", "table removed", "table renamed", "normalising changed"}
    for kind in set(get_args(ChangeKind)) - of_tables:
        what = (
            kind
            if kind.startswith(("rule", "key", "default", "generation"))
            else kind.split(" ", 1)[1]
        )
        assert what in told, kind
    page = (CHECKOUT / "docs" / "evolution.md").read_text("utf-8")
    for kind in get_args(ChangeKind):
        assert WORDS_OF_PAGE.get(kind, kind) in page, kind


WORDS_OF_PAGE = {
    "column widened": "type widened",
    "column narrowed": "type narrowed",
    "column retyped": "or another",
    "key changed": "primary key on another column",
    "rule tightened": "added, tightened",
    "rule changed": "tightened, changed",
    "rule removed": "rule relaxed, removed",
    "described anew": "words, defaults",
    "default changed": "words, defaults",
    "normalising changed": "words, defaults",
    "generation changed": "`meta.key: generated` said, or no more",
}


def parents(parent: str, **named: str) -> Dictionary:
    """Two tables, one of which refers to the other."""
    return dictionary(
        **{parent: {"id": "integer", **named}},
        children={"id": "integer", "of": f"integer;relationships(to='{parent}',field='id')"},
    )


def test_tables_come_go_and_are_renamed_and_references_go_with_them() -> None:
    old, new = parents("things"), parents("articles", _was="things")
    renamed = "*articles renamed (things before, articles now)"
    assert said(compare(old, new)) == [renamed]
    gone = dictionary(other=PLAIN)
    assert said(compare(dictionary(things=PLAIN), gone)) == ["other added", "*things removed"]
    assert compare(None, gone) == []


WIDER = [
    ("tinyint", "smallint"), ("smallint", "integer"), ("integer", "bigint"),
    ("integer", "double"), ("integer", "decimal(10,0)"), ("bigint", "decimal(21,2)"),
    ("decimal(5,2)", "decimal(6,2)"), ("decimal(5,2)", "decimal(6,3)"), ("date", "timestamp"),
    ("timestamp", "timestamp with time zone"), ("uuid", "varchar"),
]  # fmt: skip
NEITHER = [
    ("bigint", "double"), ("integer", "decimal(9,0)"), ("decimal(5,2)", "decimal(5,3)"),
    ("varchar", "integer"), ("boolean", "integer"), ("time", "timestamp"),
]  # fmt: skip


def kinds(old: str, new: str) -> set[str]:
    found = compare(dictionary(t={**PLAIN, "x": old}), dictionary(t={**PLAIN, "x": new}))
    return {each.kind for each in found}


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_a_type_with_all_values_of_another_is_wider_and_the_other_way_round_narrower(
    old: str, new: str
) -> None:
    assert kinds(old, new) == {"column widened"}
    assert kinds(new, old) == {"column narrowed"}


@pytest.mark.parametrize(("old", "new"), NEITHER)
def test_other_types_are_neither(old: str, new: str) -> None:
    assert kinds(old, new) == {"column retyped"}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (things(title="varchar;was=name"), "title was not renamed from name, which is still there"),
        (things(a="varchar;was=x", b="varchar;was=x"), "both a and b are renamed from x"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(columns: Columns, says: str) -> None:
    with pytest.raises(DictionaryError, match=says):
        dictionary(things=columns)
