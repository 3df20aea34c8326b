"""Whether our programs have the ports that they listen on, or can have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import psutil

from cuelight.cli.checkup.finding import Finding, fault, ok
from cuelight.cli.checkup.scene import Scene
from cuelight.cli.stack import fleet, ports, supervisord
from cuelight.cli.stack.ports import Port
from cuelight.kit.settings import Settings
from cuelight.operations import replicas


def findings(scene: Scene) -> Iterator[Finding]:
    """Each port: wanted once, and free, or held by one of ours."""
    wanted = _wanted(scene)
    faults = [*twice(wanted), *(found for port in wanted if (found := _taken(scene, port)))]
    yield from faults
    if not faults:
        numbers = ", ".join(str(each) for each in sorted(port.number for port in wanted))
        yield ok(f"{numbers}: {'ours' if scene.states else 'free'}.")


def _wanted(scene: Scene) -> list[Port]:
    settings = scene.settings
    members = replicas.read(settings)
    if not scene.states:
        members = fleet.begun((), replicas.first(settings), settings.serving_replicas)
    return [*ports.of_replicas(settings, members), *ports.shared(settings)]


def twice(wanted: Sequence[Port]) -> Iterator[Finding]:
    """Ports that two of our own programs would listen on."""
    for number, count in Counter(each.number for each in wanted).items():
        if count > 1:
            among = [each for each in wanted if each.number == number]
            names = " and ".join(each.setting.replace("_", ".", 1) for each in among)
            yield fault(f"Port {number} is wanted twice, by {names}.", f"Set {among[-1].variable} to another one.")


def _taken(scene: Scene, port: Port) -> Finding | None:
    why = ports.taken(port)
    if not why or (scene.states and _is_ours(scene.settings, port)):
        return None
    return fault(why, ports.remedy(port))


def _is_ours(settings: Settings, port: Port) -> bool:
    """Whether who listens descends from the supervisor of this home."""
    found = ports.holder(port.number)
    try:
        ours = int((supervisord.folder(settings) / "supervisord.pid").read_text())
        return found is not None and ours in (each.pid for each in found.parents())
    except (OSError, ValueError, psutil.Error):
        return False
