"""Inference parameters against a signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cuelight.kit.errors import BadInput
from cuelight.protocol import convert, fit
from cuelight.protocol.signature import SCALARS, Column, Parameter, Signature

# What `predict_method` may ask a scikit-learn model for.
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "score_samples")
_MOST_NAMED = 10


def parameters(given: Any, signature: Signature) -> dict[str, Any]:
    """The parameters in their types; `given` is what was sent, None if nothing.

    Raises:
        BadInput: a name is unknown, or a value is of another type.
    """
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput("params must be an object of names and values.")
    known = {each.name for each in signature.parameters} | {"predict_method"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadInput(f"Unknown params: {_some(unknown)}. Known: {', '.join(sorted(known))}.")
    types = {each.name: each for each in signature.parameters}
    return {name: _parameter(value, types[name]) if name in types else value for name, value in given.items()}


def _parameter(value: Any, spec: Parameter) -> Any:
    """A parameter's value in its type, a list of them where it takes many.

    Raises:
        BadInput: it is of another type.
    """
    if isinstance(value, list) != spec.many:
        raise BadInput(f"params: `{spec.name}` takes {'a list' if spec.many else 'one value, no list'}.")
    given = value if spec.many else [value]
    if spec.type not in SCALARS:
        return value
    if None in given:
        raise BadInput(f"params: `{spec.name}` can't be null. Leave it out to have its default.")
    try:
        converted = convert.column(given, Column(spec.name, spec.type))
    except BadInput:
        raise BadInput(f"params: `{spec.name}` must be of type {spec.type}.") from None
    plain = converted.tolist() if spec.type in ("boolean", "integer", "long", "float", "double") else given
    return plain if spec.many else plain[0]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(fit.short(name) for name in names[:_MOST_NAMED]) + more
