"""Errors of msgspec, as people are told them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pytest

from service.runtime.decoding_errors import in_words


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    a: int


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (int, b'"x"', "a whole number is needed, not text"),
        (list[Inner] | None, b"5", "a list or null is needed, not a whole number"),
        (list[Inner], b'[{"a": "x"}]', "[0].a: a whole number is needed, not text"),
        (list[Inner], b"[{}]", "[0]: a is missing"),
        (Inner, b'{"a": 1, "b": 2}', "there is no b"),
        (Annotated[int, msgspec.Meta(ge=1)], b"0", "a whole number from 1 is needed"),
        (Annotated[str, msgspec.Meta(max_length=2)], b'"abc"', "text of length up to 2 is needed"),
        (Literal["a", "b"], b'"c"', "'c' is none of its values"),
        (datetime, b'"x"', "it is no date and time such as 2021-07-27T16:02:08Z"),
        (int, b"", "it ends too soon"),
        (list[int], b"[", "it ends too soon"),
        (int, b"nxll", "invalid character (byte 4)"),
    ],
)
def test_no_type_of_python_is_named(kind, body, words):
    with pytest.raises(msgspec.MsgspecError) as caught:
        msgspec.json.decode(body, type=kind)
    assert in_words(caught.value) == words


def test_what_is_not_known_stays_as_it_is():
    assert in_words("something else - at `$.b`") == "b: something else"
