"""What can be said of how CSV files are written: by the YAML of a table, and by who sends a file.

The YAML says it of the table's history (``config: {meta: {csv: {delimiter: ";", skip: 2}}}``), and
which other names the header of any file may have for a column (``meta: {synonyms: [employee]}``).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.runtime.resolutions import OF_FILES, ON_CONFLICT, OnConflict

NOT_READ = "-"  # in place of the name of a column
SPELLED = {"tab": "\t", "\\t": "\t", "space": " "}
QUOTES = {'"': '"', "'": "'", "none": "", "": ""}
ESCAPES = {"doubled": '"', "backslash": "\\", "\\": "\\"}
MAX_COMMENT = 8  # bytes


class WrongOption(ValueError):
    """What is said makes no sense; the message names it and says what would."""


def read_options(said: Mapping[str, Any], names: Sequence[str] | None = None) -> dict[str, Any]:
    """What was said of a file, by the fields of ``DialectOptions`` and in their values.

    `names` are the columns of the table; without them it is not asked whether a column is there.

    Raises:
        WrongOption: there is no such option, or it makes no sense.
    """
    if not isinstance(said, Mapping):
        raise WrongOption(f"it is to say options by their names ({', '.join(READERS)})")
    if unknown := [str(name) for name in said if name not in READERS]:
        raise WrongOption(f"there is no option {', '.join(unknown)}; there are {_all()}")
    options = {name: READERS[name](value) for name, value in said.items() if value is not None}
    _check_marks(options)
    strange = [] if names is None else [*_strange(options.get("columns", ()), names)]
    if strange:
        raise WrongOption(f"columns: there is no column {', '.join(strange)}")
    return options


def read_on_conflict(said: Any) -> OnConflict:
    """What the YAML of a table says of rows whose key is there; OF_FILES where it says nothing.

    Raises:
        WrongOption: it is none of the words; the message goes behind the table's name.
    """
    if said is None:
        return OF_FILES
    if said not in ON_CONFLICT:
        raise WrongOption(f": on_conflict: {said!r} is none of {', '.join(ON_CONFLICT)}")
    return ON_CONFLICT[ON_CONFLICT.index(said)]


def read_files(options: Any, synonyms: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The synonyms of each column, of what the YAML of a table says of files.

    `options` is what it says of its history, `synonyms` what each of its columns says.

    Raises:
        WrongOption: some of it makes no sense; the words go behind the table's name.
    """
    try:
        found = read_synonyms(synonyms)
    except WrongOption as error:
        raise WrongOption(f".{error}") from error
    try:
        read_options({} if options is None else options, tuple(synonyms))
    except WrongOption as error:
        raise WrongOption(f": csv: {error}") from error
    return found


def read_synonyms(columns: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Other names of a table's columns, each by the name of its column.

    Raises:
        WrongOption: they are no texts, or one could mean two columns; the column comes first.
    """
    found = {name: _synonyms(name, said) for name, said in columns.items()}
    owner = {normalised(name): name for name in columns}
    for name, synonyms in found.items():
        for synonym in synonyms:
            other = owner.setdefault(normalised(synonym), name)
            if other != name:
                kind = "the name" if normalised(other) == normalised(synonym) else "a synonym"
                raise WrongOption(f"{name}: synonym {synonym!r} is {kind} of {other}, too")
    return found


def _all() -> str:
    return ", ".join(READERS)


def _strange(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for name in columns if name not in (*names, NOT_READ)]


def normalised(name: str) -> str:
    """What counts in a name of a header: JobId, ``job-id#`` and a padded ``JOB_ID`` are one."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))


def _synonyms(name: str, said: Any) -> tuple[str, ...]:
    if said is None:
        return ()
    if not isinstance(said, list | tuple) or not all(isinstance(each, str) for each in said):
        raise WrongOption(f"{name}: synonyms are a list of texts, not {said!r}")
    if any(not normalised(each) for each in said):
        raise WrongOption(f"{name}: a synonym needs a letter or a digit")
    return tuple(said)


def _delimiter(said: Any) -> str:
    text = SPELLED.get(said, said) if isinstance(said, str) else ""
    if byte := re.fullmatch(r"\\x([0-9a-fA-F]{2})", text):
        text = chr(int(byte[1], 16))
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in "\"'\r\n\\\0":
        raise WrongOption(
            "delimiter: it is one character of ASCII that is no letter, digit, quote or line end,"
            rf" or tab, space, or a byte such as \x01; not {said!r}"
        )
    return text


def _quote(said: Any) -> str:
    if not isinstance(said, str) or said not in QUOTES:
        raise WrongOption(f"quote: it is \", ', or none; not {said!r}")
    return QUOTES[said]


def _escape(said: Any) -> str:
    if not isinstance(said, str) or said not in ESCAPES:
        raise WrongOption(f"escape: it is doubled or backslash, not {said!r}")
    return ESCAPES[said]


def _comment(said: Any) -> str:
    sound = isinstance(said, str) and said.isprintable() and said.strip() == said
    if not sound or not 0 < len(said.encode()) <= MAX_COMMENT or said[0].isalnum():
        raise WrongOption(
            f"comment: it is what such lines begin with, 1 to {MAX_COMMENT} bytes without spaces"
            f" around them, no letter or digit first; not {said!r}"
        )
    return str(said)


def _skip(said: Any) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or said < 0:
        raise WrongOption(f"skip: it is how many lines stand above, from 0 on; not {said!r}")
    return said


def _header(said: Any) -> bool:
    if not isinstance(said, bool):
        raise WrongOption(f"header: it is true or false, not {said!r}")
    return said


def _encoding(said: Any) -> str:
    if not isinstance(said, str) or not said.strip():
        raise WrongOption(f"encoding: it is a name such as utf-8 or windows-1252, not {said!r}")
    return said


def _texts(name: str) -> Callable[[Any], tuple[str, ...]]:
    def read(said: Any) -> tuple[str, ...]:
        if isinstance(said, str):
            said = [each.strip() for each in said.split(",")]
        if not isinstance(said, list | tuple) or not all(isinstance(each, str) for each in said):
            raise WrongOption(f"{name}: it is a list of texts, not {said!r}")
        return tuple(said)

    return read


def _check_marks(options: Mapping[str, Any]) -> None:
    """The characters that mean something must not mean two things."""
    quote, comment = options.get("quote"), options.get("comment")
    if quote == "" and options.get("escape") == ESCAPES["doubled"]:
        raise WrongOption("escape: without quotes (quote: none) there is none to double")
    for name in ("delimiter", "quote"):
        mark = options.get(name)
        if mark and comment and comment.startswith(mark):
            raise WrongOption(f"comment: {comment!r} begins with the {name}")


READERS: Mapping[str, Callable[[Any], Any]] = {
    "encoding": _encoding,
    "delimiter": _delimiter,
    "header": _header,
    "columns": _texts("columns"),
    "nulls": _texts("nulls"),
    "quote": _quote,
    "escape": _escape,
    "comment": _comment,
    "skip": _skip,
}
