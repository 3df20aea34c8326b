"""Whether MLflow answers, as one that Cuelight knows, and lets us in."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from cuelight.cli import compose
from cuelight.cli.checkup.finding import Finding, fault, faulty, note, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.cli.stack.programs import log_file
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.kit.settings import Settings


def findings(scene: Scene) -> Iterator[Finding]:
    """Reachable, of a version that was tested, and our credentials are good."""
    settings = scene.settings
    if not scene.has_registry:
        yield note("`cuelight up` runs MLflow, and is not running.")
        return
    if not scene.has_password:
        yield fault("MLflow asks for a password, and none was drawn.", "Restart `cuelight up`: it draws one.")
        return
    try:
        greeting = scene.greeting
    except Unavailable as error:
        yield faulty(error, _how(settings))
        return
    try:
        compose.registry(settings).probe()
    except CuelightError as error:
        yield fault(str(error), _how(settings))
        return
    yield ok(f"MLflow at {settings.tracking_uri} answers, and lets us in.")
    yield version(greeting.version)


def version(said: str) -> Finding:
    """Whether it is a version that Cuelight is tested with; a server may be another one than the package here."""
    tested = next(each for each in map(Requirement, requires("cuelight") or ()) if each.name == "mlflow").specifier
    mend = f"Use a server of {tested}, or try it out first: other versions may answer otherwise."
    try:
        fits = tested.contains(Version(said), prereleases=True)
    except InvalidVersion:
        return warning("It does not say which version of MLflow it is.", mend)
    return ok(f"MLflow {said} is one that we are tested with.") if fits else warning(f"It is MLflow {said}.", mend)


def _how(settings: Settings) -> str:
    if not settings.registry_uri:
        return f"Its log says why: {log_file(settings, 'mlflow')}."
    return "Check registry.uri (CUELIGHT_REGISTRY_URI), registry.user and registry.password, and whether it runs."
