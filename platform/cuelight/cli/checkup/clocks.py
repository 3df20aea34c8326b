"""Whether clocks agree: leases, tokens and the order of the history go by them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cuelight.cli.checkup.database import is_to_come
from cuelight.cli.checkup.finding import Finding, fault, note, ok, warning
from cuelight.cli.checkup.greeting import Greeting
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.clock import utc
from cuelight.kit.errors import CuelightError
from cuelight.operations import history, schema
from cuelight.operations.engine import Database

_TOLERATED, _HARMFUL = 2.0, 30.0  # seconds; the scheduler's lease is as short as the latter
_MEND = "Have this machine, and that one, keep time by NTP: `timedatectl set-ntp true`."


def findings(scene: Scene) -> Iterator[Finding]:
    """This machine's clock against the registry's, and against what it wrote itself."""
    try:
        greeting = scene.greeting if scene.has_registry and scene.has_password else None
    except CuelightError:
        greeting = None
    yield skewed(greeting) if greeting else note("There is no registry to compare with.")
    try:
        newest = _newest(scene)
    except CuelightError:
        yield note("The history can't be read: whether the clock went back is not known.")
    else:
        yield went_back(newest, time.time())


def skewed(greeting: Greeting) -> Finding:
    """By how much the registry's clock differs, beyond what the exchange itself leaves in doubt."""
    if greeting.ahead is None:
        return note("The registry does not say what time it is.")
    beyond = max(0.0, abs(greeting.ahead) - greeting.doubt)
    if beyond <= _TOLERATED:
        return ok(f"The registry's clock agrees, to {greeting.doubt:.1f} s.")
    what = f"The registry's clock is {abs(greeting.ahead):,.0f} s {'ahead' if greeting.ahead > 0 else 'behind'}."
    return fault(what, _MEND) if beyond > _HARMFUL else warning(what, _MEND)


def went_back(newest: float | None, now: float) -> Finding:
    """Whether the newest line of the history (epoch s) is from the future: then the clock was set back."""
    if newest is None or newest <= now + _TOLERATED:
        return ok("Time has not gone back since the last line of the history.")
    return fault(f"The history ends at {utc(newest)} (UTC), which is {newest - now:,.0f} s from now.", _MEND)


def _newest(scene: Scene) -> float | None:
    if is_to_come(scene.settings):
        return None
    database = Database(scene.settings.operations_url, upgrade=False)
    try:
        with database.reading() as connection:
            if database.revision() != schema.NEWEST:
                return None
            return max((each.at for each in history.read(connection, None, None, None, 1, ())), default=None)
    finally:
        database.close()
