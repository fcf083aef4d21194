"""Escapes text from outside for one line of a terminal or a log."""


def printable(text: str) -> str:
    r"""`text` with each character escaped that is not printable.

    So no value can break a line, or send control sequences to a terminal:
    ``printable("a\nb")`` is ``"a\\nb"``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
