from __future__ import annotations

import pytest

from cuelight.kit import errors
from cuelight.serving.answering.faults import code_of, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadInput("x"), 400),
        (errors.TooLarge("x"), 413),
        (errors.WrongMediaType("x"), 415),
        (errors.NotFound("x"), 404),
        (errors.Unavailable("x"), 503),
        (errors.RegistryUnavailable("x"), 503),
        (errors.Refused("x"), 409),
        (errors.DeadlineExceeded("x"), 504),
        (errors.ModelFault("x"), 500),
        (errors.Misconfigured("x"), 500),
        (errors.CuelightError("x"), 500),
    ],
)
def test_each_error_has_its_status(error: errors.CuelightError, status: int) -> None:
    """The caller's faults are 4xx, the model's and ours 5xx; the more special class decides."""
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "RESOURCE_DOES_NOT_EXIST"), (405, "METHOD_NOT_ALLOWED"), (418, "BAD_REQUEST"), (502, "INTERNAL_ERROR")],
)
def test_each_status_has_its_code(status: int, code: str) -> None:
    """What the HTTP layer finds by itself has a code too."""
    assert code_of(status) == code
