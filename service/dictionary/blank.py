"""Texts of which nothing is seen: what the rule ``not_blank`` keeps out.

The SQL side is blank_form() in macros/dictionary/rules.sql: the same characters, as a test of every
character there is holds them to.
"""

import pyarrow as pa
import pyarrow.compute as pc

# White space, controls and format characters (general categories Z, Cc, and Cf but for those that
# are drawn as signs), what Unicode calls Default_Ignorable_Code_Point (soft hyphen, zero-width and
# directional marks, Hangul fillers, variation selectors, tags), and the blanks among the signs:
# Braille's and Khitan's, the null note head, and the notes between lines.
BLANK = (
    r"\x00-\x20\x7f-\x{a0}\x{ad}\x{34f}\x{61c}\x{115f}\x{1160}\x{1680}\x{17b4}\x{17b5}"
    r"\x{180b}-\x{180f}\x{2000}-\x{200f}\x{2028}-\x{202f}\x{205f}-\x{206f}\x{2800}\x{3000}\x{3164}"
    r"\x{fe00}-\x{fe0f}\x{feff}\x{ffa0}\x{fff0}-\x{fffb}\x{13430}-\x{1343f}\x{16fe4}"
    r"\x{1bca0}-\x{1bca3}\x{1d159}\x{1d173}-\x{1d17a}\x{e0000}-\x{e0fff}"
)
FORM = rf"\A[{BLANK}]*\z"  # for RE2
_FIRST, _AFTER = pa.scalar("!"), pa.scalar("\x7f")  # what is seen of ASCII lies between


def is_blank(texts: pa.Array) -> pa.Array:
    """Booleans, null for null: which texts have no character that is seen, or none at all."""
    seen = pc.and_(pc.greater_equal(texts, _FIRST), pc.less(texts, _AFTER))  # by the first one
    if pc.min(seen).as_py() is not False:  # to compile a regular expression takes longer
        return pc.invert(seen)
    return pc.match_substring_regex(texts, FORM)
