"""`cuelight gateway`: the one entry in front of the serving hosts."""

from __future__ import annotations

import click

from cuelight.cli import compose


@click.command()
def command() -> None:
    """Run the gateway (Envoy); it follows who is there to serve.

    Example: cuelight gateway
    """
    from cuelight.gateway.gateway import serve

    serve(compose.settings())
