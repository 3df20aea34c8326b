"""What a grant allows, for every scope and model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.access.permissions import ALL_MODELS, EVERYTHING, Grant, Scope
from cuelight.kit.errors import BadInput, Forbidden

_MODELS = st.sampled_from(["wine", "churn", "a b", "ü"])
_GRANTS = st.builds(
    Grant,
    st.frozensets(st.sampled_from([*map(str, Scope), "unheard-of"])),
    st.frozensets(st.one_of(_MODELS, st.just(ALL_MODELS))),
)


def _allows(grant: Grant, scope: Scope | None, model: str) -> bool:
    try:
        grant.check(scope, model)
    except Forbidden:
        return False
    return True


@given(_GRANTS, st.sampled_from(Scope), _MODELS)
def test_it_takes_the_scope_and_the_model(grant: Grant, scope: Scope, model: str) -> None:
    """Both, or neither helps; admin is every scope, a star every model."""
    has_scope = scope in grant.scopes or "admin" in grant.scopes
    has_model = model in grant.models or "*" in grant.models
    assert _allows(grant, scope, model) == (has_scope and has_model)
    assert _allows(grant, scope, "") == has_scope
    assert _allows(grant, None, model) == has_model
    assert _allows(EVERYTHING, scope, model)


@given(_GRANTS, _GRANTS, st.sampled_from(Scope), _MODELS)
def test_more_never_allows_less(one: Grant, other: Grant, scope: Scope, model: str) -> None:
    """What a grant allows, one with more in it allows too."""
    both = Grant(one.scopes | other.scopes, one.models | other.models)
    assert _allows(both, scope, model) or not _allows(one, scope, model)


def test_a_grant_is_read_as_people_write_it() -> None:
    """Names with commas, options several times, spaces."""
    assert Grant.read(["score, feedback"], ["wine,churn", " a b "]) == Grant(
        frozenset(["score", "feedback"]), frozenset(["wine", "churn", "a b"])
    )


@pytest.mark.parametrize(
    ("scopes", "models", "says"),
    [
        (["scoring"], ["*"], "score, feedback, metrics, admin"),
        ([","], ["*"], "at least one scope"),
        (["score"], [" "], "at least one model"),
    ],
)
def test_what_is_no_grant_is_refused(scopes: list[str], models: list[str], says: str) -> None:
    """With the names that there are."""
    with pytest.raises(BadInput, match=says):
        Grant.read(scopes, models)
