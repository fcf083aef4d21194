"""Bodies in UTF-8, with or without a byte order mark; those of another encoding are told so."""

from service.errors import MalformedBody

MARK = b"\xef\xbb\xbf"
_OTHERS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def without_mark(body: bytes) -> bytes:
    """A body of text without the mark that it may begin with (RFC 8259, section 8.1).

    Raises:
        MalformedBody: it begins as UTF-16 or UTF-32 does, with their mark or with a NUL byte.
    """
    if body.startswith(_OTHERS) or b"\x00" in body[:2]:
        raise MalformedBody("the body is in UTF-16 or UTF-32, or binary: text comes in UTF-8")
    return body.removeprefix(MARK)
