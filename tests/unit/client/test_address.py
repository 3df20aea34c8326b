from __future__ import annotations

from typing import Any

import pytest

from cuelight.client import address
from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.kit.settings import Settings


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("cuelight://models.example.org", "http://models.example.org:8080"),
        ("cuelight://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("cuelights://Models.example.org:443/ml/", "https://models.example.org:443/ml"),
        ("cuelight://[::1]:8000", "http://[::1]:8000"),
        ("cuelight", "http://127.0.0.1:8090"),
    ],
)
def test_a_target_is_an_address(target: str, url: str) -> None:
    """With TLS where it says so, at the gateway's usual port where it says none; alone it means this machine."""
    assert address.of_target(target, Settings(gateway_port=8090)) == url


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("cuelight:/there", "write cuelight://HOST:PORT"),
        ("cuelight://there:http", "no target"),
        ("cuelight://me:secret@there", "CUELIGHT_ACCESS_TOKEN"),
        ("cuelight://there?token=secret", "CUELIGHT_ACCESS_TOKEN"),
        ("http://there", "write cuelight://HOST:PORT"),
    ],
)
def test_what_is_no_target_is_refused(target: str, says: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInput, match=says):
        address.of_target(target, Settings())


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:8000"), ("", "http://127.0.0.1:8000"), ("h", "http://h:8000")]
)
def test_the_scoring_servers_address_is_one_that_can_be_asked(host: str, url: str) -> None:
    """All addresses is no address to connect to."""
    assert address.serving_url(Settings(serving_host=host)) == url


def test_the_entrance_is_where_callers_come_in() -> None:
    """The gateway, by TLS where it speaks that; our own programs then call serving, whose name is no certificate's."""
    assert address.gateway_url(Settings()) == address.near_url(Settings()) == "http://127.0.0.1:8080"
    encrypted = Settings(gateway_tls="self-signed", gateway_host="0.0.0.0")
    assert address.gateway_url(encrypted) == "https://127.0.0.1:8080"
    assert address.near_url(encrypted) == address.gateway_url(Settings(gateway_port=0)) == "http://127.0.0.1:8000"


OWN = "https://models.example.com/"


@pytest.mark.parametrize(
    ("chosen", "url"),
    [
        ({}, "http://127.0.0.1:8080/mlflow"),
        ({"gateway_public_url": OWN}, "https://models.example.com/mlflow"),
        ({"gateway_public_url": OWN, "registry_uri": "https://mlflow.example.com/"}, "https://mlflow.example.com"),
        ({"gateway_port": 0}, "http://127.0.0.1:5000"),
        ({"board_port": 0, "gateway_public_url": OWN}, "http://127.0.0.1:5000"),
    ],
)
def test_links_lead_to_mlflow_behind_the_gateway(chosen: dict[str, Any], url: str) -> None:
    """As people reach that; by MLflow's own address where the gateway does not lead there."""
    assert address.mlflow_url(Settings(**chosen)) == url


@pytest.mark.parametrize("wrong", ["models.example.com", "ftp://models.example.com", "https://", "https://a?b=c"])
def test_a_public_address_is_a_url(wrong: str) -> None:
    """Links by anything else would lead nowhere."""
    with pytest.raises(Misconfigured, match=r"gateway\.public_url"):
        address.mlflow_url(Settings(gateway_public_url=wrong))
