"""Text from outside, on one line of a terminal or a log."""


def printable(text: str) -> str:
    """`text` with everything escaped that is not a printable character.

    Neither a line break nor a terminal's control sequence in a value reaches the reader as such.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
