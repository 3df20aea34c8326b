"""Whether the object store that MLflow keeps artifacts in can be reached from here."""

from __future__ import annotations

from collections.abc import Iterator

from cuelight.cli.checkup.finding import Finding, fault, faulty, note, ok
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.registry import object_store

_MEND = "Check AWS_ENDPOINT_URL and the network. What is served goes on; what is promoted waits until it is back."


def findings(scene: Scene) -> Iterator[Finding]:
    """It is asked for one name; nothing is written."""
    uri = scene.settings.mlflow_artifacts
    if scene.settings.registry_uri:
        yield note("Artifacts are kept by the MLflow of registry.uri: where, is its affair.")
        return
    if not uri:
        yield ok("Artifacts are in the home folder.")
        return
    try:
        object_store.check(uri)
        some = list(object_store.listed(uri, most=1))
    except Unavailable as error:
        yield fault(str(error), _MEND)
    except CuelightError as error:
        yield faulty(error, _MEND)
    else:
        yield ok(f"The artifact store {uri} lets us in{'' if some else ', and has nothing there yet'}.")
