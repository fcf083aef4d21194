"""Fields of requests that are taken as they are written: many decimals, or documents, at a time.

A value is ``msgspec.Raw``, JSON as it was sent, or a text that was read before.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.exact_values import ReadExactly, document_from_text
from service.dictionary.timestamps import Mask
from service.dictionary.typed_values import Decoded
from service.dictionary.written_values import Unreadable


def decimals_of(values: Sequence[Any], read: ReadExactly, kept: pa.DataType) -> Decoded:
    """Numbers in JSON, or texts that were read; those in doubt have to be read one by one."""
    texts = [_in_json(value) for value in values]
    whole, behind = kept.precision - kept.scale, kept.scale
    form = f"^-?[0-9]{{1,{whole or 1}}}" + (f"(\\.[0-9]{{1,{behind}}})?$" if behind else "$")
    array = pa.array([text and text.strip('"') for text in texts], pa.string())
    fits = pc.match_substring_regex(array, form)
    doubted = pc.fill_null(pc.invert(fits), False).to_numpy(False)
    if doubted.any():
        array = pc.if_else(pa.array(doubted), pa.scalar(None, pa.string()), array)
    try:
        return pc.cast(array, kept), doubted
    except pa.ArrowInvalid:  # 9.9 of decimal(1,1)
        read_ones, doubted = _read_each(array.to_pylist(), doubted, read)
        return pc.cast(read_ones, kept), doubted


def documents_of_json(values: Sequence[Any]) -> Decoded:
    """Documents in JSON, or texts of such; those in doubt have to be read one by one."""
    texts = [_in_json(value) for value in values]
    doubted = np.array([text == "null" for text in texts], np.bool_)
    return _read_each(texts, doubted, document_from_text)


def _read_each(texts: Sequence[str | None], doubted: Mask, read: ReadExactly) -> Decoded:
    found: list[str | None] = [None] * len(texts)
    for place, text in enumerate(texts):
        try:
            found[place] = None if text is None else read(text)
        except Unreadable:
            doubted[place] = True
    return pa.array(found, pa.string()), doubted


def _in_json(value: Any) -> str | None:
    """A field as it was written; one that was read already is a text."""
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value
