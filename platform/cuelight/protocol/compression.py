"""Bodies without their Content-Encoding, never beyond a limit: a small body may hold gigabytes of zeros."""

from __future__ import annotations

import zlib

from cuelight.kit.errors import BadInput, TooLarge, WrongMediaType

ENCODINGS = ("gzip", "deflate", "zstd")
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's: with gzip's header, with zlib's own
_ZSTD_WINDOW = 1 << 23  # bytes: RFC 9659's limit for content codings
_SLICE = 1024  # bytes of zstd fed at once; each may become 32 MB


def expand(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was compressed; `encoding` is the Content-Encoding header, may be empty.

    Raises:
        WrongMediaType: the encoding is none of `ENCODINGS`, or there are several.
        TooLarge: it would become larger than `limit` bytes; it is not expanded further than that.
        BadInput: the body is not what the encoding says, or ends too early, or goes on after its end.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name in _WINDOW_BITS:
        return _inflate(body, _WINDOW_BITS[name], limit)
    if name == "zstd":
        return _zstd(body, limit)
    raise WrongMediaType(f"Content-Encoding must be one of {', '.join(ENCODINGS)}, and only one.")


def too_large(what: str, limit: int) -> TooLarge:
    """The error for what would be larger than `limit` bytes in memory."""
    return TooLarge(f"{what} is larger than {limit} bytes when expanded (serving.max_expanded_bytes).")


def _inflate(body: bytes, window_bits: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window_bits)
    try:
        expanded = stream.decompress(body, limit + 1)
    except zlib.error:
        raise _corrupt() from None
    if len(expanded) > limit:
        raise too_large("The body", limit)
    if not stream.eof or stream.unused_data:
        raise _corrupt()
    return expanded


def _zstd(body: bytes, limit: int) -> bytes:
    import zstandard  # few callers send it

    stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    parts, size, offset = [], 0, 0
    try:
        while not stream.eof and offset < len(body):
            part = stream.decompress(body[offset : offset + _SLICE])
            offset += _SLICE
            size += len(part)
            if size > limit:
                raise too_large("The body", limit)
            parts.append(part)
    except zstandard.ZstdError:
        raise _corrupt() from None
    if not stream.eof or stream.unused_data or offset < len(body):
        raise _corrupt()
    return b"".join(parts)


def _corrupt() -> BadInput:
    return BadInput("The body is not what Content-Encoding says: corrupt, cut short, or followed by something else.")
