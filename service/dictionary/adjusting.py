"""What a door does to a value before it is judged, where the YAML asks for it.

``meta.normalise`` is a list of steps for texts, ``meta.default`` the value where there is none.
DuckDB calls the same steps (`engines/sql_functions.py`), so that history is no other door.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# What is white to Unicode, but for the separators of files and records.
WHITE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
)
WHITE += "\u2028\u2029\u202f\u205f\u3000"
_runs = re.compile(f"[{re.escape(WHITE)}]+")

STEPS: Mapping[str, Callable[[str], str]] = {
    "trim": lambda text: text.strip(WHITE),
    "collapse": lambda text: _runs.sub(" ", text),
    "lower": str.lower,
    "upper": str.upper,
    "nfc": lambda text: unicodedata.normalize("NFC", text),
}


def normalised_text(text: str, steps: Sequence[str]) -> str:
    """The text after the steps, in their order; to do them twice changes nothing more."""
    for step in steps:
        text = STEPS[step](text)
    return text


def problem_of_steps(steps: Any, kind: str) -> str | None:
    """What is wrong with ``meta.normalise`` of a column of a type; None where nothing is."""
    if steps is None:
        return None
    known = ", ".join(STEPS)
    if not isinstance(steps, list) or not steps or not all(each in STEPS for each in steps):
        return f"normalise is a list of {known}, not {steps}"
    if len({*steps}) < len(steps) or {"lower", "upper"} <= {*steps}:
        return f"normalise has steps that contradict, or repeat, each other: {', '.join(steps)}"
    return None if kind == "varchar" else f"normalise is for texts, not for {kind}"
