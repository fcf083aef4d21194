"""The words for what becomes of a row whose primary key is there already.

A request says them by ``Prefer: resolution=…``, the YAML of a table and the command line by their
own words.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

# error: it is a violation of ``unique``. ignore: with the same content it is already present, with
# another it is a violation. merge: with another content it changes the row that is there.
OnConflict: TypeAlias = Literal["error", "ignore", "merge"]
ON_CONFLICT: tuple[OnConflict, ...] = get_args(OnConflict)
OF_FILES: OnConflict = "ignore"  # of files and history, where the YAML says nothing
OF_REQUESTS: OnConflict = "error"  # whatever the YAML says
# What a request prefers: the words of PostgREST, which has none for the first.
RESOLUTIONS: Mapping[str, OnConflict] = {
    "reject-duplicates": "error",
    "ignore-duplicates": "ignore",
    "merge-duplicates": "merge",
}


def preferred(on_conflict: OnConflict) -> str:
    """What a request says in its header ``Prefer`` to have that done."""
    word = next(word for word, meaning in RESOLUTIONS.items() if meaning == on_conflict)
    return f"resolution={word}"
