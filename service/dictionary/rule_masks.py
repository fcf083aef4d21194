"""Which values of a column break a rule of one kind.

Each function takes the rule's arguments, the values as read (of the column's Arrow type) and as
written (``string``, or the values as read where they never were text). It returns booleans, as many
as there are values; where a value is null, so may the boolean be.
"""

from functools import lru_cache, reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.runtime.clock import utc_now

_T = pa.array(["T", "t"])


@lru_cache(1000, typed=True)
def scalar(value: int | float | str) -> pa.Scalar:
    """As Arrow has it: to make one takes as long as to look at a thousand values."""
    return pa.scalar(value)


def nothing_breaks(_args: dict[str, Any], read: pa.Array, _written: pa.Array) -> pa.Array:
    """Of a rule that is judged elsewhere: no value."""
    return pa.repeat(False, len(read))


def out_of_range(args: dict[str, Any], read: pa.Array, _written: pa.Array) -> pa.Array:
    """The numbers below `min` or above `max`; at least one of them is among `args`."""
    if "min" not in args:
        return pc.greater(read, scalar(args["max"]))
    below = pc.less(read, scalar(args["min"]))
    return pc.or_(below, pc.greater(read, scalar(args["max"]))) if "max" in args else below


def in_future(_args: dict[str, Any], read: pa.Array, _written: pa.Array) -> pa.Array:
    """The timestamps after now, or the dates after today, in UTC."""
    now = utc_now()
    if pa.types.is_date(read.type):
        return pc.greater(read, pa.scalar(now.date(), read.type))
    return pc.greater(read, pa.scalar(now, pa.timestamp("us")).cast(read.type))


def not_written_in_utc(_args: dict[str, Any], read: pa.Array, written: pa.Array) -> pa.Array:
    """The texts `written` that do not say a time in UTC, with ``T`` and an offset of zero."""
    if not pa.types.is_string(written.type):  # it was never text: a timestamp is in UTC
        return pa.repeat(False, len(read))
    # Like 2021-07-27T16:02:08Z. To compile a regular expression takes longer than to look.
    has_t = pc.is_in(pc.utf8_slice_codeunits(written, 10, 11), _T)
    ends = [pc.ends_with(written, end) for end in ("Z", "z", "+00:00", "-00:00")]
    return pc.invert(pc.and_(has_t, reduce(pc.or_, ends)))
