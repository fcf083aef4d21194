"""What Arrow takes for UTF-8 is what Python does."""

import random

import pytest

from service.formats.csv.utf8 import are_utf8, is_utf8

CHARACTERS = ("a", "\n", "é", "한", "😀", "\u0085", "\ufeff")
STRAYS = (b"\x80", b"\xe9", b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80")


def python_reads(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("seed", range(200))
def test_bytes_are_utf8_in_whatever_pieces_they_come(seed: int) -> None:
    random_ = random.Random(seed)
    letters = [each.encode() for each in random_.choices(CHARACTERS, k=random_.randrange(30))]
    for stray in random_.choices(STRAYS, k=seed % 3):
        letters.insert(random_.randrange(len(letters) + 1), stray)
    text = b"".join(letters)
    size = random_.randrange(1, 9)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert is_utf8(text) == python_reads(text)
    assert are_utf8(pieces) == python_reads(text)
