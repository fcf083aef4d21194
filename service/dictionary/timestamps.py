"""Timestamps as most clients write them, ``2021-07-27T16:02:08Z``, read many at a time.

Arrow reads them half as fast, and gives up on all when one of them is no date there is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]

_FORM = np.frombuffer(b"0000-00-00T00:00:00Z\n", np.uint8)
_WIDTH = len(_FORM)
_MAX = np.frombuffer(b"9999-19-39T29:59:59Z\n", np.uint8) - _FORM  # above the form, by place

# What each digit adds to the year, the month, the day and the second of the day.
_PARTS = np.zeros((_WIDTH, 4), np.float32)
_PARTS[:4, 0] = 1000, 100, 10, 1
_PARTS[5:7, 1] = _PARTS[8:10, 2] = 10, 1
_PARTS[11:19, 3] = 36_000, 3_600, 0, 600, 60, 0, 10, 1

_YEARS = np.arange(10_000)
_LEAP = (_YEARS % 4 == 0) & ((_YEARS % 100 != 0) | (_YEARS % 400 == 0))
# Days from 1970-01-01 to the day before each year.
_DAYS = (_YEARS - 1) * 365 + (_YEARS - 1) // 4 - (_YEARS - 1) // 100 + (_YEARS - 1) // 400 - 719_163
# By kind of year (common, leap, the year 0) and month (0 to 19): its length, the days before it.
_KIND = np.where(_YEARS == 0, 40, np.where(_LEAP, 20, 0))
_LENGTHS = np.zeros(60, np.int64)
_LENGTHS[1:13] = _LENGTHS[21:33] = 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
_LENGTHS[22] = 29
_BEFORE = np.concatenate([np.cumsum(year) - year for year in _LENGTHS.reshape(3, 20)])


def read_seconds(texts: Sequence[Any]) -> tuple[pa.Array, Mask] | None:
    """The texts as a ``timestamp[us]`` array in UTC, and a mask of those that are no timestamp.

    Both have one item for each text; where the mask is set, the timestamp is any. None when a text
    is missing or not 20 characters long: then they have to be read in another way.

        read_seconds(["1970-01-01T00:00:01Z", "2021-02-30T00:00:00Z"])
        ([1970-01-01 00:00:01, …], [False, True])
    """
    try:
        written = ("\n".join(texts) + "\n").encode()
    except (TypeError, UnicodeEncodeError):
        return None
    if len(written) != _WIDTH * len(texts):
        return None
    above = np.frombuffer(written, np.uint8).reshape(-1, _WIDTH) - _FORM
    out_of_form = above > _MAX
    wrong: Mask = np.zeros(len(texts), np.bool_)
    if out_of_form.any():
        # Else there are as many line ends as texts, so each text is a line.
        if set(map(len, texts)) != {_WIDTH - 1}:
            return None
        wrong |= out_of_form.any(axis=1)
        above[wrong] = 0
    year, month, day, second = (above.astype(np.float32) @ _PARTS).T.astype(np.int64)
    month += _KIND[year]
    wrong |= (day == 0) | (day > _LENGTHS[month]) | (second >= 86_400)
    seconds = (_DAYS[year] + _BEFORE[month] + day) * 86_400 + second
    return pa.array((seconds * 1_000_000).view("datetime64[us]")), wrong
