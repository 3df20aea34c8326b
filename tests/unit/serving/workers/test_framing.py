"""Plain scoring requests are cut out of what a connection sent; all else is left to gunicorn."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from cuelight.protocol.media import INFERENCE
from cuelight.protocol.passage import Passage
from cuelight.serving.answering.call import Asked
from cuelight.serving.workers import framing
from cuelight.serving.workers.framing import OTHER, PARTIAL, Begun, Plain

BODY = b'{"instances": [[1, 2]]}'
LENGTH = b"Content-Length: %d" % len(BODY)


def request(
    line: bytes = b"POST /models/churn/invocations HTTP/1.1",
    *fields: bytes,
    host: bytes = b"Host: x",
    length: bytes = LENGTH,
    body: bytes = BODY,
) -> bytes:
    """The bytes of a request."""
    return b"\r\n".join([line, *filter(None, (host, length)), *fields]) + b"\r\n\r\n" + body


def test_a_plain_request_is_cut_whole() -> None:
    """Head, body, and where the next one begins."""
    content = request(
        b"POST /models/a%20b/stages/Staging/invocations HTTP/1.1", b"X-Request-Id: r1", b"content-type: text/csv"
    )
    cut = framing.cut(content + b"POST /next")
    assert isinstance(cut, Plain)
    assert (cut.body, cut.end) == (BODY, len(content))
    assert cut.head == framing.Head(Asked("a b", "text/csv", track="Staging"), len(BODY), "r1")


PATHS = {
    b"/invocations": Asked(""),
    b"/models/m/invocations": Asked("m"),
    b"/models/m/aliases/x/invocations": Asked("m", alias="x"),
    b"/models/m/versions/3/invocations": Asked("m", version="3"),
    b"/v2/models/a%20b/infer": Asked("a b", protocol=INFERENCE),
    b"/v2/models/m/versions/3/infer": Asked("m", version="3", protocol=INFERENCE),
}


@pytest.mark.parametrize("path", PATHS)
def test_every_scoring_url_is_plain(path: bytes) -> None:
    """By track, alias and version, in both protocols."""
    cut = framing.cut(request(b"POST " + path + b" HTTP/1.1"))
    assert isinstance(cut, Plain)
    assert cut.head.asked == PATHS[path]


def test_what_is_each_requests_own_is_read_apart() -> None:
    """In any place and case, and never of another request; what stands there twice leaves room for doubt."""
    trace, line = f"00-{'a' * 32}-{'b' * 16}-01", b"POST /models/churn/invocations HTTP/1.1"
    for number in ("1", "2"):
        own = [b"x-request-id: r%b" % number.encode(), b"TraceParent: " + trace.encode()]
        way = [b"x-cuelight-gateway-request: g%b" % number.encode(), b"x-envoy-attempt-count: 2"]
        cut = framing.cut(request(line, *own, b"content-type: text/csv", *way, b"X-Cuelight-Client: ::1 "))
        assert isinstance(cut, Plain)
        passage = Passage(f"g{number}", 2, "::1")
        assert cut.head == framing.Head(Asked("churn", "text/csv"), len(BODY), f"r{number}", trace, passage=passage)
        assert framing.cut(request(line, *way, *way)) == OTHER


def test_what_a_body_is_is_the_headers_to_say() -> None:
    """How it is compressed, how much of it is JSON, what the answer should be, and how long the caller waits."""
    fields = (
        b"Content-Encoding: gzip",
        b"Inference-Header-Content-Length: 9",
        b"Accept: a/b",
        b"X-Request-Timeout-Ms: 5",
    )
    cut = framing.cut(request(b"POST /v2/models/m/infer HTTP/1.1", *fields))
    assert isinstance(cut, Plain)
    said = cut.head.asked
    assert (said.encoding, said.header_length, said.accept, said.timeout_ms) == ("gzip", "9", "a/b", "5")


DOUBTFUL = {
    "another method": request(b"GET /models/m/invocations HTTP/1.1"),
    "another URL": request(b"POST /models/m/feedback HTTP/1.1"),
    "a query": request(b"POST /models/m/invocations?x=1 HTTP/1.1"),
    "a double slash": request(b"POST //invocations HTTP/1.1"),
    "tensors by stage": request(b"POST /v2/models/m/stages/Staging/infer HTTP/1.1"),
    "tensors of no model": request(b"POST /v2/infer HTTP/1.1"),
    "tensors of a version that is no number": request(b"POST /v2/models/m/versions/x/infer HTTP/1.1"),
    "a version that is no number": request(b"POST /models/m/versions/abc/invocations HTTP/1.1"),
    "a version in other digits": request(b"POST /models/m/versions/%C2%B2/invocations HTTP/1.1"),
    "HTTP/1.0": request(b"POST /invocations HTTP/1.0"),
    "HTTP/2.0": request(b"POST /invocations HTTP/2.0"),
    "an escaped slash": request(b"POST /models/a%2Fb/invocations HTTP/1.1"),
    "half an escape": request(b"POST /models/a%2/invocations HTTP/1.1"),
    "an escape that is no UTF-8": request(b"POST /models/%ff/invocations HTTP/1.1"),
    "no host": request(host=b""),
    "no length": request(length=b""),
    "two lengths": request(b"POST /invocations HTTP/1.1", LENGTH),
    "two hosts": request(b"POST /invocations HTTP/1.1", b"Host: y"),
    "a signed length": request(length=b"Content-Length: +23"),
    "a length with a comma": request(length=b"Content-Length: 23, 23"),
    "a length in hexadecimal": request(length=b"Content-Length: 0x17"),
    "an underscore for a dash": request(b"POST /invocations HTTP/1.1", b"Content_Length: 5"),
    "chunks": request(b"POST /invocations HTTP/1.1", b"Transfer-Encoding: chunked"),
    "chunks, misspelt": request(b"POST /invocations HTTP/1.1", b"Transfer-Encoding : chunked"),
    "a folded field": request(b"POST /invocations HTTP/1.1", b"X-A: 1\r\n b"),
    "a bare line feed": request(b"POST /invocations HTTP/1.1", b"X-A: 1\nX-B: 2"),
    "a control character": request(b"POST /invocations HTTP/1.1", b"X-A: \x00"),
    "a field beyond ASCII": request(b"POST /invocations HTTP/1.1", b"X-Request-Id: \xff"),
    "Expect": request(b"POST /invocations HTTP/1.1", b"Expect: 100-continue"),
    "an upgrade": request(b"POST /invocations HTTP/1.1", b"Connection: Upgrade", b"Upgrade: h2c"),
    "a last request": request(b"POST /invocations HTTP/1.1", b"Connection: close"),
    "a large body": request(length=b"Content-Length: %d" % (framing.LARGEST + 1)),
    "a long head": b"POST /invocations HTTP/1.1\r\nX-A: " + b"a" * 9000,
    "not HTTP": b"\x16\x03\x01\x02\x00\x01",
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_request_that_leaves_room_for_doubt_is_gunicorns(name: str) -> None:
    """Nothing is cut, so that gunicorn's parser decides on the first byte to the last."""
    assert framing.cut(DOUBTFUL[name]) == OTHER


@given(st.integers(0, len(request()) - 1))
def test_a_part_of_a_request_is_never_taken_for_a_whole(size: int) -> None:
    """Whatever is missing at the end, more is waited for; once the head is there, it is known what for."""
    cut = framing.cut(request()[:size])
    if size < len(request()) - len(BODY):
        assert cut == PARTIAL
    else:
        assert isinstance(cut, Begun)
        assert (cut.head.length, cut.start) == (len(BODY), len(request()) - len(BODY))


@given(st.binary(max_size=400))
def test_any_bytes_give_an_answer(content: bytes) -> None:
    """Nothing that a caller sends raises."""
    assert isinstance(framing.cut(b"POST /invocations HTTP/1.1\r\n" + content), Plain | Begun | str)
    assert isinstance(framing.cut(content), Plain | Begun | str)


NAMES = st.sampled_from([b"X-A", b"Accept", b"User-Agent", b"Content-Type", b"x-request-id", b"Cookie", b"TE"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.encode)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4, unique_by=lambda each: each[0].lower()), st.binary(max_size=60))
def test_what_is_cut_is_what_gunicorn_reads(fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Where a request is cut, gunicorn's parser finds the same body, path and end."""
    lines = [name + b": " + value for name, value in fields]
    content = request(
        b"POST /models/m/invocations HTTP/1.1", *lines, length=b"Content-Length: %d" % len(body), body=body
    )
    cut = framing.cut(content)
    if isinstance(cut, Plain):
        read = next(RequestParser(Config(), [content], ("127.0.0.1", 1)))
        assert (read.body.read(), read.path, cut.end) == (cut.body, "/models/m/invocations", len(content))
        assert dict(read.headers).get("CONTENT-TYPE", "") == cut.head.asked.media_type
