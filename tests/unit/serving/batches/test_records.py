"""Where records of a CSV end: as the csv module reads them, however the bytes come."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from cuelight.serving.batches.records import Ends, split

_CELLS = st.text(st.sampled_from('ab,"\n\r '), max_size=6)
_TABLES = st.lists(st.lists(_CELLS, min_size=2, max_size=2), min_size=1, max_size=12)


@given(_TABLES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(1, 9), st.integers(0, 2))
def test_records_end_where_the_csv_module_ends_them(
    table: list[list[str]], newline: str, ended: bool, size: int, blank: int
) -> None:
    """Quoted newlines and blank lines are no ends; blocks of any size give the same; halves have their rows."""
    lines = []
    for row in table:
        written = io.StringIO()
        csv.writer(written, lineterminator="", quoting=csv.QUOTE_ALL).writerow(row)
        lines.append(written.getvalue())
    text = (newline * (1 + blank)).join(lines) + (newline if ended else "")
    body = text.encode()
    finder = Ends()
    ends = [int(end) for at in range(0, len(body), size) for end in finder.of(body[at : at + size])]
    pieces = [body[start:stop] for start, stop in zip([0, *ends], [*ends, len(body)], strict=True)]
    found = [row for piece in pieces for row in _read(piece)]
    assert found == table == _read(body)
    assert (len(ends), finder.rest, finder.open) == (len(table) - (0 if ended else 1), not ended, False)
    if len(table) > 1:
        one, other = split(body)
        assert (_read(one), _read(other)) == (table[: len(table) // 2], table[len(table) // 2 :])


@given(st.text(st.sampled_from('a5,"\n'), max_size=30), st.booleans(), st.integers(1, 9))
def test_a_quote_within_a_field_is_one_of_its_characters(text: str, marked: bool, size: int) -> None:
    """As inches are written: the csv module takes a quote for more at a field's beginning only."""
    body = (b"\xef\xbb\xbf" if marked else b"") + text.encode()
    size = max(size, 4 * marked)
    finder = Ends()
    ends = [int(end) for at in range(0, len(body), size) for end in finder.of(body[at : at + size])]
    pieces = [body[start:stop] for start, stop in zip([0, *ends], [*ends, len(body)], strict=True)]
    assert [row for piece in pieces for row in _read(piece)] == _read(body)
    if not finder.open:
        assert all(len(_read(piece)) == 1 for piece in pieces[:-1])
        assert len(_read(pieces[-1])) == int(finder.rest)


def _read(body: bytes) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")) if row]
