"""Compressed bodies: what they were, or a clean refusal, and never more than the limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
import zstandard

from cuelight.kit.errors import BadInput, TooLarge, WrongMediaType
from cuelight.protocol.compression import expand

CONTENT = b'{"instances": [[1, 2]]}' * 100
WAYS = {
    "gzip": gzip.compress(CONTENT),
    "deflate": zlib.compress(CONTENT),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_body_is_what_it_was_and_may_be_as_large_as_the_limit(name: str) -> None:
    """To the byte; one byte less of a limit refuses it."""
    assert expand(WAYS[name], f" {name.upper()} ", len(CONTENT)) == CONTENT
    with pytest.raises(TooLarge, match=r"serving\.max_expanded_bytes"):
        expand(WAYS[name], name, len(CONTENT) - 1)


def test_an_unknown_size_is_no_matter() -> None:
    """A zstd stream need not say how large it becomes."""
    body = zstandard.ZstdCompressor(write_content_size=False).compress(CONTENT)
    assert expand(body, "zstd", 1 << 20) == CONTENT


@pytest.mark.parametrize("name", ["", "identity", "Identity"])
def test_no_encoding_leaves_the_body(name: str) -> None:
    """It is the same object: nothing is copied."""
    assert expand(CONTENT, name, 1) is CONTENT


@pytest.mark.parametrize("name", ["br", "gzip, zstd", "gzip, gzip", "compress", "x"])
def test_other_and_several_encodings_are_refused(name: str) -> None:
    """By a status of their own."""
    with pytest.raises(WrongMediaType, match="only one"):
        expand(WAYS["gzip"], name, 1 << 20)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("spoil", ["cut", "more", "flip", "empty", "plain"])
def test_what_is_no_such_stream_is_refused(name: str, spoil: str) -> None:
    """Cut short, followed by something, altered, empty, or not compressed at all."""
    good = WAYS[name]
    bad = {
        "cut": good[:-5],
        "more": good + b"x",
        "flip": good[:12] + bytes([good[12] ^ 0xFF]) + good[13:],
        "empty": b"",
        "plain": CONTENT,
    }[spoil]
    with pytest.raises(BadInput, match="Content-Encoding"):
        expand(bad, name, 1 << 20)


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_not_expanded_beyond_the_limit(name: str) -> None:
    """256 MB of zeros in a small body: memory stays by the limit, not by what the body would become."""
    zeros, stream = bytes(1 << 20), zstandard.ZstdCompressor(level=1).compressobj()
    packer = stream if name == "zstd" else zlib.compressobj(9, wbits=31 if name == "gzip" else 15)
    body = b"".join(packer.compress(zeros) for _ in range(256)) + packer.flush()
    assert len(body) < 300_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            expand(body, name, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
