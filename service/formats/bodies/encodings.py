"""Content-Encoding: bodies are decompressed no further than their limit."""

import io
import zlib

import zstandard

from service.errors import MalformedBody, TooLarge, UnsupportedFormat

SMALL = 1 << 20  # bytes; a body up to here may have been compressed to any size
PIECE = 4096  # bytes; zlib copies what is left of its input at the end of each member
WINDOW = 2**23  # bytes; no more is asked of who decodes the encoding "zstd" (RFC 9659, section 3)
END = b"\0end of the body"
END_FRAME = zstandard.ZstdCompressor(write_checksum=True).compress(END)


def decompressed(body: bytes, encoding: str, limit: int, ratio: int) -> bytes:
    """`body` without its Content-Encoding, at most `limit` bytes of it.

    Raises:
        TooLarge: it would be larger than `limit`; or than `ratio` times `body`, and over 1 MiB.
        UnsupportedFormat: the encoding is not gzip, zstd or identity.
        MalformedBody: it is not of the encoding, or ends too early.
    """
    name = encoding.strip().lower() or "identity"
    limit = min(limit, max(ratio * len(body), SMALL))
    try:
        if name in ("gzip", "x-gzip"):  # the same (RFC 9110, section 8.4.1.3)
            plain = _gunzipped(body, limit)
        elif name == "zstd":
            plain = _unzstd(body, limit)
        elif name == "identity":
            plain = body
        else:
            raise UnsupportedFormat(f"bodies may be compressed by gzip or zstd, not {name}")
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise MalformedBody(f"the body is not {name}: {error}") from None
    if len(plain) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes", limit=limit)
    return plain


def _gunzipped(body: bytes, limit: int) -> bytes:
    plain, rest = io.BytesIO(), memoryview(body)
    while rest:
        member = zlib.decompressobj(wbits=31)
        while rest and not member.eof:
            piece = rest[:PIECE]
            plain.write(member.decompress(piece, limit + 1 - plain.tell()))
            if plain.tell() > limit:
                return plain.getvalue()
            rest = rest[len(piece) - len(member.unused_data) :]
        if not member.eof:
            raise EOFError("it ends too early")
    return plain.getvalue()


def _unzstd(body: bytes, limit: int) -> bytes:
    # The reader does not say when its input ends within a frame. A frame of our own behind the
    # body tells: its content comes out whole only when all frames before it have ended.
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    with decompressor.stream_reader(body + END_FRAME, read_across_frames=True) as stream:
        plain: bytes = stream.read(limit + 1 + len(END))
    if len(plain) > limit + len(END):
        return plain
    if not plain.endswith(END):
        raise EOFError("it ends too early")
    return plain[: -len(END)]
