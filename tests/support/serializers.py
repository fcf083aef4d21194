"""How schemathesis reads the document, and writes bodies that it does not know of itself.

It loads this module.
"""

import gc
from typing import Any

import msgspec
import schemathesis

# Of all that is imported now, nothing is garbage: no sweep has to look at it again.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """What is had by `Accept` alone is told beside `content`, for the sake of other generators."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            for said in operation["responses"].values():
                said.get("content", {}).update(said.get("x-other-formats", {}))


@schemathesis.serializer("application/msgpack")
def in_msgpack(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Whatever was made up for the schema."""
    if isinstance(value, bytes):
        return value
    try:
        return msgspec.msgpack.encode(value, enc_hook=str)
    except OverflowError:  # it has no integers of that size
        return msgspec.msgpack.encode(str(value))


@schemathesis.serializer("text/csv", "application/x-ndjson")
def as_text(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """The schemas of these only say that they are text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.serializer("application/avro")
def as_bytes(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """There is no schema: anything will do."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
