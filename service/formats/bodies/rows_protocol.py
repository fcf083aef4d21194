"""What the rows of a body can be asked, whatever format they came in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from service.dictionary.written_values import JsonText
from service.errors import MalformedBody, WrongNumberOfRows
from service.runtime.decoding_errors import in_words

# Rows of a body. So many are counted, for the answer to say; more would fill the memory first.
MAX_READ = 100_000


@dataclass(frozen=True)
class MalformedRow:
    """A row that could not be read: what was written, and what is wrong with it."""

    text: str
    problem: str


def check_rows(number: int) -> None:
    """Raises WrongNumberOfRows where a body has more rows than MAX_READ; no more are counted."""
    if number > MAX_READ:
        raise WrongNumberOfRows(
            f"a body has more than {MAX_READ:,} rows, of which no more are counted",
            received=MAX_READ + 1,
        )


class Rows(Protocol):
    """The rows of one request body, as they were sent."""

    from_text: bool  # whether every value is text, to be read as its column's type
    drops_repeated: bool  # whether decoding keeps the last of two fields of one name, and is silent

    def __len__(self) -> int: ...

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        """All rows as structs; msgspec.ValidationError when one of them does not fit."""

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        """Each row as a struct, or None where it does not fit."""

    def colons(self, positions: Sequence[int]) -> int:
        """How many colons the text of the rows at `positions` has; 0 unless `drops_repeated`.

        `repeated_fields` says what for.
        """

    def repeated(self, position: int) -> list[str]:
        """The fields that one row has more than once; `plain` has the last value of each."""

    def plain(self, position: int) -> Any:
        """One row as it was sent, in plain Python values; or a MalformedRow."""

    def exact(self, position: int, names: Sequence[str]) -> Mapping[str, JsonText]:
        """Those of the named fields that one row has, as they are written where that is JSON."""

    def payload(self, position: int) -> bytes:
        """One row as it was sent, in JSON."""


class decoding:  # noqa: N801 - reads as a statement
    """Turns what msgspec says of a body that is not of its format into MalformedBody."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, msgspec.ValidationError):
            return
        if isinstance(error, RecursionError):
            raise MalformedBody("the body is nested too deeply") from None
        if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
            raise MalformedBody(f"the body cannot be decoded: {in_words(error)}") from None


def one_by_one(decode: Callable[[Any], Any], raws: Sequence[msgspec.Raw]) -> list[Any]:
    """Each of `raws` as `decode` has it, or None where it does not fit."""
    structs: list[Any] = []
    for raw in raws:
        try:
            structs.append(decode(raw))
        except msgspec.ValidationError:
            structs.append(None)
    return structs
