"""Documents that are merged: by the RFC's examples, and by its own words in Python."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.formats.bodies.merge_patches import MergePatch, merged
from tests.support.patches import RFC_EXAMPLES

documents = st.recursive(
    st.none() | st.integers(0, 2) | st.just("é\n"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b", "", '"é']), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(("target", "patch", "result"), RFC_EXAMPLES)
def test_the_examples_of_the_rfc_become_what_it_says(target, patch, result):
    assert json.loads(merged(target.encode(), patch.encode())) == json.loads(result)


def as_the_rfc_says(target: Any, patch: Any) -> Any:
    """MergePatch of its section 2, line by line."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = as_the_rfc_says(target.get(name), value)
    return target


@given(documents, documents, st.sampled_from([None, 1]))
def test_whatever_is_merged_is_as_the_rfc_says(target, patch, indent):
    sent = json.dumps(patch, indent=indent).encode()
    there = json.dumps(target, separators=(",", ":")).encode()
    assert json.loads(merged(there, sent)) == as_the_rfc_says(target, patch)


def test_numbers_stay_as_they_are_written():
    there, patch = (
        b'{"a":{"n":1.00},"b":-0}',
        b'{"a":{"m":1e400}, "c":[0.10, 12345678901234567890]}',
    )
    told = b'{"a":{"n":1.00,"m":1e400},"b":-0,"c":[0.10, 12345678901234567890]}'
    assert merged(there, patch) == told


DEEP = b'{"a":' * 70 + b"1" + b"}" * 70


@pytest.mark.parametrize(
    "patch", [b'{"a":1,"a":null}', b'{"\\ud800":1}', b'{"\xff":1}', DEEP], ids=str
)
def test_what_is_no_document_is_left_for_the_judge(patch):
    for sent in (patch, b'{"b":%b}' % patch):
        assert patch[-60:] in merged(b'{"c":1}', sent)


def test_only_documents_are_merged_and_only_once():
    row = '{"id":1,"doc":{"a":1},"text":"t"}'
    assert MergePatch.read(b'{"doc":{"b":2}}').applied(row, ["doc"]) == (
        b'{"id":1,"text":"t","doc":{"a":1,"b":2}}'
    )
    assert MergePatch.read(b'{"doc":{"b":2}}').applied(row) == b'{"id":1,"text":"t","doc":{"b":2}}'
    assert MergePatch.read(b'{"text":{"b":null}}').applied(row, ["doc"]) == (
        b'{"id":1,"doc":{"a":1},"text":{"b":null}}'
    )
    assert (
        MergePatch.read(b'{"doc":null}').applied(row, ["doc"]) == b'{"id":1,"text":"t","doc":null}'
    )
