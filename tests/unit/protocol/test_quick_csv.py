from __future__ import annotations

import contextlib
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, CuelightError, TooLarge
from cuelight.protocol import quick_csv
from cuelight.protocol.decode import ScoringRequest, decode
from cuelight.protocol.decoder import _SMALL, Decoder
from cuelight.protocol.fit import Limits
from cuelight.protocol.signature import SCALARS, Column, Signature

CSV = "text/csv"
AB = Signature((Column("a", "double"), Column("b", "double")))
LONE = Signature((Column("a", "double"),))
ALL = Signature(tuple(Column(kind[:2], kind) for kind in SCALARS))
SOME = Signature((Column("a b", "long"), Column("o", "string", required=False), Column("ü", "float", required=False)))
FREE = Signature((Column("", "string", required=False), Column("o", "string", required=False)))
SIGNATURES = (AB, LONE, ALL, SOME, FREE)
READERS = {id(each): quick_csv.Reader(each.columns) for each in SIGNATURES}

NUMBERS = (
    *("0", "1", "-1", "-0", "-00", "-0.0", "-0.", "-0e0", "1e-0", "3.0", "3.7", "0.1", "1e2", "1E-2", "1e+2", "007"),
    *("+1", "+-1", "-+1", "--1", ".5", "-.5", "+.5", "1.", ".", "-", "+", "e5", "1e", "1e+", "1_000", "1,5", "1 0"),
    *(
        " 1",
        "1 ",
        "\t-1\t",
        " ",
        "\t",
        "\x0b1",
        "1\xa0",
        "\u0661",
        "5e-324",
        "2.2250738585072011e-308",
        "1e-999",
        "-1e-999",
    ),
    *("0x10", "0X1F", "-0x1", "0b1", "0o7", "1f", "1d5", "1L", "1%", "0x1p3"),
    *("16777215", "16777216", "16777217", "2147483647", "2147483648", "-2147483648", "-2147483649"),
    *(
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "123456789012345678901234567890",
    ),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e15", "1e16"),
    *("18446744073709551615", "18446744073709551616", "3.4028235677973366e38", "1e39", "1e308", "1e309", "1e999"),
    *(
        "nan",
        "NaN",
        "-nan",
        "nan(1)",
        "inf",
        "-inf",
        "Infinity",
        "infinity",
        "NA",
        "N/A",
        "null",
        "None",
        "NULL",
        "#N/A",
    ),
    *("0" * 990 + "1", "0" * 1000 + "1", " " * 1000 + "1", "0." + "1" * 1100, "-" + "0" * 1000, "1" * 400),
)
TEXTS = (
    *("", "x", " x ", "ü", "😀", "\ufeff", "\ufeff1", "true", "True", "TRUE", "tRuE", " true", "FALSE", "t", "yes"),
    *("aGk=", "aGk", " aGk=", "2026-01-01", "2026-01-01T10:00:00Z", "2026-01-01 10:00:00+02:00", "9999-01-01"),
    *("2026-01-01T10:00:00.1234567", "2026-01-01T10:00:00.1234567891", "20260101", "10:00", "\0", "\u2028", "\x85"),
    *(
        '"x"',
        '"a,b"',
        '"a""b"',
        '"a\nb"',
        '"a',
        'a"b',
        '"a"b',
        '""',
        '"1"',
        '" 1"',
        "'1'",
        "a\\,b",
        ";",
        "#1",
        "x" * 2000,
    ),
)
SURE = {
    "double": ("0", "1.5", "-3", "", "1e-3", "0.1", "-0.0", " 2 "),
    "float": ("0", "1.5", "-3", "", "0.1"),
    "long": ("0", "-7", "9223372036854775807"),
    "integer": ("0", "-7", "2147483647"),
    "boolean": ("true", "false", "True", "FALSE"),
    "string": ("x", " ", "", "ü", "0y", "NA"),
    "binary": ("aGk=", ""),
    "datetime": ("2026-01-01", "2026-01-01T10:00:00+02:00", ""),
}
wild = st.sampled_from((*NUMBERS, *TEXTS))
anything = st.text(st.characters(codec="utf-8"), max_size=6) | st.floats().map(repr) | st.integers().map(str)


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"'


@st.composite
def cases(draw: Any) -> tuple[Signature, bytes]:
    """A signature and a body: usual ones, ones with odd fields, lines or names, some with a byte changed."""
    signature, odd, quotes = draw(st.sampled_from(SIGNATURES)), draw(st.booleans()), draw(st.booleans())
    specs = list(draw(st.permutations(signature.columns)))
    if draw(st.integers(0, 3)) == 0:
        specs = [each for each in specs if each.required or draw(st.booleans())]
    if draw(st.integers(0, 3)) == 0:
        specs.insert(0, draw(st.sampled_from((Column("more", "string"), Column("", "double"), *signature.columns))))
    rows = []
    for _ in range(draw(st.integers(0 if odd else 1, 3))):
        sure = [st.sampled_from(SURE[each.type]) for each in specs]
        fields = [draw(each | wild | anything if odd and draw(st.integers(0, 3)) == 0 else each) for each in sure]
        rows.append([_quoted(each) if quotes and draw(st.booleans()) else each for each in fields])
    if odd and rows and draw(st.integers(0, 3)) == 0:
        rows[-1] = rows[-1][: draw(st.integers(0, len(specs)))]
    ends = st.sampled_from(("\n", "\n", "\r\n", "\n\n", "\r\n\n", "\r", "\n \n", "\n,\n") if odd else ("\n", "\r\n"))
    body = draw(st.sampled_from(("", "", "", "\ufeff", "\ufeff\ufeff", "\n") if odd else ("", "\ufeff")))
    names = [_quoted(each.name) if quotes and draw(st.booleans()) else each.name for each in specs]
    for line in (names, *rows):
        body += ",".join(line) + draw(ends)
    content = bytearray((body if draw(st.booleans()) else body.rstrip("\r\n")).encode())
    if content and odd and draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(content) - 1))
        content[place : place + draw(st.integers(0, 2))] = draw(
            st.sampled_from((b"", b"\xff", b"\0", b",", b'"', b"\n", b"\r", b"0", b"-", b"\xef\xbb\xbf"))
        )
    return signature, bytes(content)


def _same(one: ScoringRequest, two: ScoringRequest) -> None:
    assert (one.rows.count, one.rows.names) == (two.rows.count, two.rows.names)
    assert one.parameters == two.parameters
    for name, mine in one.rows.columns.items():
        other = two.rows.columns[name]
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        assert mine.flags.writeable
        assert mine.tolist() == other.tolist() if mine.dtype == object else mine.tobytes() == other.tobytes()


def _agrees(signature: Signature, body: bytes) -> bool:
    """Whether the quick way read the body; it must then have read what `decode` does."""
    rows = READERS[id(signature)].read(body, 1000)
    if rows is not None:
        _same(ScoringRequest(rows, {}), decode(CSV, body, signature))
    return rows is not None


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
@example((FREE, b"\no\nx\n"))
@example((AB, b"a,b\n1,2\n\xef\xbb\xbf3,4\n"))
@example((AB, b"a,b,c\n1,2,\xff\n"))
@example((AB, b"a,b,c\n1,2," + b"x" * 200_000 + b"\n"))
@example((AB, b'a,b,c\n1,2,"' + b"x," * 100_000 + b'"\n'))
@example((AB, b'a,b,c\n1,2,"' + b'x,""' * 50_000 + b'"\n'))
@example((AB, b'a,b,"c\n1,2,d"\n3,4,5\n'))
@example((FREE, b'o,\na",",x"y"\n'))
def test_what_is_read_quickly_is_what_is_read_carefully(case: tuple[Signature, bytes]) -> None:
    """Where the quick way reads a body at all, the careful one does too, with the same bits; no error escapes."""
    signature, body = case
    if not _agrees(signature, body):
        with contextlib.suppress(CuelightError):
            decode(CSV, body, signature)


@pytest.mark.parametrize("kind", SCALARS)
def test_every_field_is_read_alike(kind: str) -> None:
    """Each odd number and text, alone and after a usual one, in a column of each type."""
    signature = Signature((Column("a", kind),))
    quick = quick_csv.Reader(signature.columns)
    READERS[id(signature)] = quick
    read = sum(
        _agrees(signature, f"a,z\n{usual}{form},z\n".encode())
        for field in (*NUMBERS, *TEXTS)
        for form in (field, _quoted(field))
        for usual in ("", f"{SURE[kind][0]},y\n")
    )
    assert read


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50), st.sampled_from(("r", ".17e", ".25f", ".30g", ".3e"))
)
def test_decimals_become_the_floats_that_python_makes(bits: list[int], form: str) -> None:
    """Any finite double's bits, written short, long, and rounded to where halves and subnormals are decided."""
    numbers = [struct.unpack("d", struct.pack("Q", each))[0] for each in bits]
    texts = [repr(each) if form == "r" else f"{each:{form}}" for each in numbers if abs(each) < 2**53]
    if texts:
        rows = READERS[id(LONE)].read(("a\n" + "\n".join(texts)).encode(), 1000)
        if all("." in text or "e" in text for text in texts):
            assert rows is not None
            assert rows.columns["a"].tobytes() == np.array([float(text) for text in texts]).tobytes()


USUAL: list[tuple[Signature, str]] = [
    (AB, "a,b\n1,2.5\n-0.0,\n"),
    (AB, "b,a\r\n1,2\r\n\r\n3,4"),
    (AB, "\ufeffa,b\n1,2\n\n\n"),
    (AB, "c,b,a\n ü ,1,2\n,3,4\n"),
    (LONE, "a\n1e-999\n\n5e-324\n"),
    (ALL, "st,da,bi,bo,in,lo,fl,do\nx y,2026-01-01T10:00:00Z,aGk=,TRUE,1,2,0.1,0.1\n,,,false,-1,007,,\n"),
    (ALL, '"st","da","bi","bo","in","lo","fl","do"\r\n"a,""b""\r\n\r\nc",2026-01-01,"","true","1",2,"","-0.5"\r\n'),
    (LONE, 'a\n""\n\n"1"\n'),
    (SOME, "a b\n9223372036854775807\n"),
    (SOME, "ü,a b\n,3\n"),
]


@pytest.mark.parametrize(("signature", "body"), USUAL)
def test_usual_bodies_are_read_quickly(signature: Signature, body: str) -> None:
    """Other orders, columns more and less, missing values, both line ends, a mark in front, blank lines, quotes."""
    assert _agrees(signature, body.encode())


@pytest.mark.parametrize(
    "signature",
    [Signature(), Signature((Column("a", "Array(double)"),)), Signature((Column("a", "long"),) * 2)],
)
def test_a_signature_without_typed_columns_has_no_quick_way(signature: Signature) -> None:
    """None at all, nested types, a name that is there twice: `decode` reads everything."""
    assert quick_csv.reader(signature.columns) is None


def test_many_header_lines_are_all_read_and_few_remembered() -> None:
    """A caller can't make a version hold more and more; beyond the limit bodies mean the same."""
    reader = quick_csv.Reader(AB.columns)
    for number in range(2 * quick_csv._MOST_KNOWN):
        rows = reader.read(f"x{number},b,a\ns,1,2\n".encode(), 1000)
        assert rows is not None
        assert rows.columns["a"].tolist() == [2.0]
    assert len(reader._known) == quick_csv._MOST_KNOWN


def test_a_decoder_reads_long_csv_quickly_with_the_limits_and_errors_of_decode() -> None:
    """Rows beyond the limit, a bad row, and short bodies are what `decode` says of them."""
    decoder, count = Decoder(AB), _SMALL
    body = b"a,b\n" + b"1,2\n" * count
    decoder.decode(CSV, body[:40])
    assert "_csv_reader" not in vars(decoder)
    _same(decoder.decode(CSV, body), decode(CSV, body, AB))
    assert decoder._csv_reader is not None
    with pytest.raises(TooLarge):
        decoder.decode(CSV, body, Limits(count - 1))
    with pytest.raises(BadInput, match=f"Column `b`, row {count}"):
        decoder.decode(CSV, body + b"1,x\n")
    with pytest.raises(BadInput, match="send JSON with inputs"):
        Decoder(Signature(AB.columns, entries=True)).decode(CSV, body)
    assert Decoder(Signature()).decode(CSV, body).rows.count == count
