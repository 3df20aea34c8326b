"""Addresses of MLflow's pages, as the reader of ours gets there: `registry` is where they are, ending in /. Pure."""

from __future__ import annotations

from urllib.parse import quote


def model_url(registry: str, model: str) -> str:
    """A model's page."""
    return f"{registry}#/models/{quote(model, safe='')}"


def version_url(registry: str, model: str, version: int) -> str:
    """A version's page."""
    return f"{model_url(registry, model)}/versions/{version}"


def run_url(registry: str, run_id: str) -> str:
    """A run's page."""
    return f"{registry}#/runs/{run_id}"


def within(link: str, registry: str) -> str:
    """A link that was made elsewhere: behind the gateway MLflow has another address."""
    _, mark, place = link.partition("#")
    return f"{registry}#{place}" if mark else link
