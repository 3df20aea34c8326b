from __future__ import annotations

import pytest

from cuelight.client import naming
from cuelight.client.naming import Name
from cuelight.kit.errors import BadInput


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("wine", "/models/wine/invocations"),
        ("a good one", "/models/a%20good%20one/invocations"),
        ("wine/Staging", "/models/wine/stages/Staging/invocations"),
        ("wine/7", "/models/wine/versions/7/invocations"),
        ("wine@champion", "/models/wine/aliases/champion/invocations"),
        ("models:/wine/7", "/models/wine/versions/7/invocations"),
    ],
)
def test_a_name_is_written_as_in_mlflow(text: str, path: str) -> None:
    """It says by which URL the model is scored."""
    assert naming.read(text).scoring == path


@pytest.mark.parametrize("text", ["", "/7", "wine/", "wine@", "@champion", "wine/7/8", "models:/"])
def test_half_a_name_is_refused(text: str) -> None:
    """And the forms of whole ones are shown."""
    with pytest.raises(BadInput, match="NAME@champion"):
        naming.read(text)


def test_a_deployment_goes_before_its_endpoint() -> None:
    """An endpoint beside it must be the same model's; without either there is nobody to ask."""
    assert (
        naming.chosen("wine/Staging", "wine")
        == naming.chosen(None, "wine/Staging")
        == Name("wine", "stages", "Staging")
    )
    with pytest.raises(BadInput, match="'churn'"):
        naming.chosen("wine/Staging", "churn")
    with pytest.raises(BadInput, match="Name an endpoint"):
        naming.chosen(None, None)
