from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import confusion_matrix

from cuelight.journal.answers import NOTHING, Classes, Labels, Numbers
from cuelight.journal.differences import OTHERS, by_class, by_number, differing, frequent, usual_tolerance
from cuelight.journal.quality import Floats

_PAIRS_OF_CLASSES = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c", "10", "9", NOTHING])] * 2), min_size=1)
_NUMBERS = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6) | st.just(float("nan")))


def _labels(pairs: list[tuple[str, str]]) -> Labels:
    return Labels(*(Classes(list(side)) for side in zip(*pairs, strict=True)))


@st.composite
def _two(draw: st.DrawFn) -> Numbers:
    old = draw(_NUMBERS)
    return Numbers(old, draw(arrays(np.float64, len(old), elements=st.floats(-1e6, 1e6) | st.just(float("nan")))))


@given(_PAIRS_OF_CLASSES)
def test_counts_are_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    """The confusion matrix, its diagonal the agreement, and each class's share of its row."""
    found = by_class(_labels(pairs))
    old, new = zip(*pairs, strict=True)
    expected = confusion_matrix(old, new, labels=found.classes)
    assert np.array_equal(found.counts, expected)
    assert found.agreement == pytest.approx(np.trace(expected) / len(pairs))
    assert found.of_class.keys() == set(old)
    for place, name in enumerate(found.classes):
        if name in found.of_class:
            assert found.of_class[name] == pytest.approx(expected[place, place] / expected[place].sum())


@given(_PAIRS_OF_CLASSES)
def test_to_change_sides_turns_the_table(pairs: list[tuple[str, str]]) -> None:
    """And leaves the agreement."""
    one, other = by_class(_labels(pairs)), by_class(_labels([(new, old) for old, new in pairs]))
    assert np.array_equal(one.counts, np.transpose(other.counts))
    assert one.agreement == other.agreement


@given(_PAIRS_OF_CLASSES, st.integers(2, 5))
def test_rare_classes_are_taken_together(pairs: list[tuple[str, str]], most: int) -> None:
    """No row is lost, and none that differs becomes equal in the shares."""
    whole = by_class(_labels(pairs))
    found = frequent(whole, most)
    assert len(found.classes) == len(found.counts) == min(most, len(whole.classes))
    assert np.sum(found.counts) == len(pairs)
    weights = {name: sum(counts) for name, counts in zip(found.classes, found.counts, strict=True)}
    assert sum(weights[name] * share for name, share in found.of_class.items()) == pytest.approx(
        whole.agreement * len(pairs)
    )
    sizes = dict(zip(whole.classes, np.sum(whole.counts, axis=0) + np.sum(whole.counts, axis=1), strict=True))
    left = [sizes[name] for name in whole.classes if name not in found.classes]
    assert max(left, default=0) <= min(sizes[name] for name in found.classes if name != OTHERS)


def test_probabilities_differ_by_class_where_both_have_one() -> None:
    """The mean of absolute differences over such rows; a class that only one knows has none."""
    old = Classes(["a", "b", "a"], {"a": _floats(0.9, 0.2, np.nan), "b": _floats(0.1, 0.8, np.nan)})
    new = Classes(["a", "a", "a"], {"a": _floats(0.7, 0.6, 0.5), "c": _floats(0.3, 0.4, 0.5)})
    assert by_class(Labels(old, new)).gaps == {"a": pytest.approx(0.3)}


def test_other_labels_come_before_other_probabilities() -> None:
    """Of each, the larger difference first; equal rows are not listed."""
    shares = {"a": _floats(0.9, 0.6, 0.8, 0.5)}, {"a": _floats(0.1, 0.4, 0.3, 0.5)}
    given = Labels(Classes(["a", "a", "b", "a"], shares[0]), Classes(["a", "b", "a", "a"], shares[1]))
    listed = differing(given, top=9)
    assert [each.place for each in listed] == [2, 1, 0]
    assert [each.size for each in listed] == pytest.approx([0.5, 0.2, 0.8])
    assert [each.place for each in differing(given, top=1)] == [2]


@given(_two(), st.floats(0, 1e6))
def test_figures_are_numpys_and_scipys(given: Numbers, tolerance: float) -> None:
    """Over the rows that both answered; a row that neither answered is no difference, one that one did is."""
    found = by_number(given, tolerance)
    both = np.isfinite(given.old) & np.isfinite(given.new)
    old, new = given.old[both], given.new[both]
    equal = np.sum(np.abs(new - old) <= tolerance) + np.sum(np.isnan(given.old) & np.isnan(given.new))
    assert found.agreement == pytest.approx(equal / len(given.old))
    assert found.unanswered == np.sum(~both)
    if not len(old):
        assert (found.mean, found.rmse, found.correlation, found.quantiles) == (None, None, None, {})
        return
    assert found.mean == pytest.approx(np.mean(new - old))
    assert found.rmse == pytest.approx(np.sqrt(np.mean((new - old) ** 2)))
    assert found.quantiles[0.5] == pytest.approx(np.median(new - old))
    if len(old) > 2 and min(np.std(old), np.std(new)) > 1e-3:
        assert found.correlation == pytest.approx(stats.pearsonr(old, new).statistic, abs=1e-6)


@given(_two(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_tolerance_never_agrees_less(given: Numbers, one: float, other: float) -> None:
    """And the rows listed are those beyond it, the furthest first."""
    low, high = sorted((one, other))
    assert by_number(given, low).agreement <= by_number(given, high).agreement
    listed = differing(given, len(given.old), low)
    assert len(listed) == round((1 - by_number(given, low).agreement) * len(given.old))
    sizes = [np.inf if each.size is None else abs(each.size) for each in listed]
    assert sizes == sorted(sizes, reverse=True)


def test_the_usual_tolerance_follows_the_answers_scale() -> None:
    """A hundredth of the middle range; for a constant, rounding only; nothing for no answers."""
    values = np.linspace(0.0, 100.0, 1001)
    assert usual_tolerance(values) == pytest.approx(0.9)
    assert usual_tolerance(7.0 * values) == pytest.approx(6.3)
    assert 0.0 < usual_tolerance(np.full(5, 1e6)) < 0.01
    assert usual_tolerance(np.array([np.nan])) == 0.0


def _floats(*values: float) -> Floats:
    return np.array(values)
