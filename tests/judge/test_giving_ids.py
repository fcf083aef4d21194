"""Ids that the service gives: the next ones, in the order of the request, to rows without one."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dictionary import Dictionary
from service.errors import Unprocessable
from service.formats.bodies.body_rows import rows_of
from service.judge.batch import Batch
from service.judge.generated_keys import MOST, Ids, ids_of, with_ids
from service.judge.judge import Judge
from service.judge.key_index import KeyIndex
from tests.support.world import column, key, table

PLAIN = table("visits", key(type_name="bigint"), column("name", "varchar", not_blank={}))
VISITS = replace(PLAIN, columns=(replace(PLAIN.columns[0], is_generated=True), PLAIN.columns[1]))
JUDGE = Judge(VISITS)
DICTIONARY = Dictionary({"visits": VISITS}, {})
THERE = [*range(1, 11)]


def judged(rows: list[dict[str, Any]]) -> Batch:
    return JUDGE.judge(rows_of(msgspec.json.encode(rows), ""))


def stored() -> KeyIndex:
    keys = KeyIndex(DICTIONARY)
    keys.add(("visits", "id"), THERE)
    return keys


row = st.fixed_dictionaries(
    {"name": st.sampled_from(["Ada", " "])},
    optional={"id": st.one_of(st.none(), st.integers(1, 20), st.just(MOST), st.just(-1))},
)


@settings(deadline=None)
@given(st.lists(row, min_size=1, max_size=40), st.integers(10, MOST - 100))
def test_new_rows_get_the_next_ids_and_no_other_id_is_new(
    rows: list[dict[str, Any]], last: int
) -> None:
    ids = Ids({"visits": last})
    layer = ids.layer()
    batch = with_ids(judged(rows), stored(), layer)
    told = ids_of(batch, batch.broken)
    assert told is not None
    new = iter(range(last + 1, last + 100))
    for position, sent in enumerate(rows):
        own, is_sound = sent.get("id"), sent["name"] != " "
        broken = batch.broken.get(position)
        rules = [each.rule for each in broken.violations] if broken else []
        assert ("generated" in rules) == (own is not None and own not in THERE)
        assert ("not_blank" in rules) == (not is_sound)
        expected = (next(new) if own is None else own) if not rules else None
        assert told[position] == expected
    assert sorted(batch.fitting["id"].to_pylist()) == sorted(x for x in told if x is not None)
    assert list(batch.keys["id"]) == batch.fitting["id"].to_pylist()
    ids.absorb(layer)
    assert ids.last("visits") == next(new) - 1


def test_a_layer_that_is_given_up_gives_its_ids_back() -> None:
    ids = Ids({"visits": 5})
    assert ids.layer().take("visits", 3) == 6
    assert ids.take("visits", 1) == 6
    assert ids.layer().take("visits", 1) == 7
    assert ids.take("others", 2) == 1


def test_there_is_a_last_id() -> None:
    ids = Ids({"visits": MOST - 1})
    assert ids.take("visits", 1) == MOST
    with pytest.raises(Unprocessable, match="no ids left"):
        ids.take("visits", 1)


def test_other_tables_give_no_ids() -> None:
    batch = Judge(PLAIN).judge(rows_of(b'[{"id": 1, "name": "Ada"}]', ""))
    assert with_ids(batch, KeyIndex(Dictionary({"visits": PLAIN}, {})), Ids({})) is batch
    assert ids_of(batch, {}) is None
