"""What the follower does next: a snapshot of all it knows in, one action out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cuelight.registry.model import Track, VersionId
from cuelight.registry.personal import Personal
from cuelight.registry.traffic import Traffic
from cuelight.serving.host.deployment import Deployment, Key, Served, Standby
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.rollouts.recall import Recall

LONGEST_RETRY_SECONDS = 600.0


@dataclass(frozen=True)
class Wish:
    """The version that the registry wants on a track."""

    id: VersionId
    run_id: str
    why: str


@dataclass(frozen=True)
class Rehearsal:
    """How the workers stand in the preparation of `deployment`; `culprits` are digests that one could not load."""

    deployment: Deployment
    waiting: int = 0
    failed: str = ""
    culprits: frozenset[str] = frozenset()


@dataclass(frozen=True)
class View:
    """All that a decision depends on; `resting`: a deployment was just dropped, the next one waits a moment.

    `held` are wishes that wait for this host's turn.
    """

    now: float
    bake_seconds: float
    committed: Deployment
    wishes: Mapping[Key, Wish] = field(default_factory=dict)
    removed: frozenset[Key] = frozenset()
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    personal: Personal = field(default_factory=dict)
    recalls: tuple[Recall, ...] = ()
    facts: Mapping[VersionId, Fact] = field(default_factory=dict)
    busy: str = ""
    rehearsal: Rehearsal | None = None
    resting: bool = False
    held: frozenset[Key] = frozenset()
    next_generation: int = 1


@dataclass(frozen=True)
class Action:
    """Base of all actions; `sentence` is what a person reads."""

    sentence: str


@dataclass(frozen=True)
class Wait(Action):
    """Nothing to do until something changes."""


@dataclass(frozen=True)
class Fetch(Action):
    """Bring a version's files into the store."""

    wish: Wish


@dataclass(frozen=True)
class Try(Action):
    """Load a version and let it predict, in a process of its own."""

    wish: Wish


@dataclass(frozen=True)
class Prepare(Action):
    """Ask the workers to stand by for a deployment."""

    deployment: Deployment


@dataclass(frozen=True)
class Commit(Action):
    """All workers stand by: go."""

    deployment: Deployment


@dataclass(frozen=True)
class Abandon(Action):
    """A worker can't load what was prepared: the old generation stays. No culprits: it may be any of what is new."""

    deployment: Deployment
    culprits: frozenset[str] = frozenset()


def decide(view: View) -> Action:
    """The next action. Finish what is being prepared, then switch to what is ready, then try, then fetch."""
    if view.rehearsal:
        return _conclude(view.rehearsal)
    desired = desired_deployment(view)
    if not view.resting and not desired.same_content(view.committed):
        return Prepare(f"preparing generation {desired.generation}: {_difference(view.committed, desired)}", desired)
    return _next_version(view)


def desired_deployment(view: View) -> Deployment:
    """What should be served, of what is ready now; a wish that is not ready leaves its track as it is."""
    tracks = dict(view.committed.tracks)
    for key in view.removed:
        tracks.pop(key, None)
    for key, wish in view.wishes.items():
        fact = view.facts.get(wish.id, Fact())
        current = view.committed.tracks.get(key)
        if fact.phase == Phase.READY and key not in view.held and (current is None or current.id != wish.id):
            tracks[key] = Served(wish.id, fact.digest, fact.signed_by, wish.run_id, wish.why, view.now)
    for recall in view.recalls:
        key = recall.key
        if key in tracks and tracks[key].id == recall.version and recall.instead:
            tracks[key] = _instead(view, key, recall.instead, recall.version)
    names = {name for name, _ in tracks}
    standby = _standby(view, tracks)
    return Deployment(
        generation=view.next_generation,
        created=view.now,
        tracks=tracks,
        aliases={name: dict(each) for name, each in sorted(view.aliases.items()) if name in names and each},
        standby=standby,
        traffic=_traffic(view, tracks, standby),
        personal=view.personal,
    )


def _instead(view: View, key: Key, served: Served, recalled: VersionId) -> Served:
    """What answers instead of a version that was rolled back."""
    current = view.committed.tracks.get(key)
    if current and current.id == served.id:
        return current
    return replace(served, why=f"rolled back from version {recalled.version}", since=view.now)


def _traffic(view: View, tracks: Mapping[Key, Served], standby: Iterable[Standby]) -> dict[str, Traffic]:
    """How each model's callers are shared between its versions, where it has several that may answer."""
    rivals = {each.served.id.name: each.most for each in standby if each.rival}
    shared = {}
    for name, wanted in sorted(view.traffic.items()):
        canary, shadow = _staging_shares(view, tracks, name, wanted)
        control = min(wanted.control, rivals.get(name, 0.0), 100.0 - canary)
        here = Traffic(canary, shadow, control, wanted.why if canary else "")
        if here != Traffic():
            shared[name] = here
    return shared


def _staging_shares(view: View, tracks: Mapping[Key, Served], name: str, wanted: Traffic) -> tuple[float, float]:
    """A canary's share is meant for the version that is wished, and not for the one that waits to be replaced."""
    production, staging = tracks.get((name, Track.PRODUCTION)), tracks.get((name, Track.STAGING))
    wish = view.wishes.get((name, Track.STAGING))
    if production is None or staging is None or production.id == staging.id:
        return 0.0, 0.0
    return wanted.canary if wish is None or wish.id == staging.id else 0.0, wanted.shadow


def _standby(view: View, tracks: Mapping[Key, Served]) -> tuple[Standby, ...]:
    """Former Production versions that may be needed again soon; one that was just recalled is not among them."""
    on_track = {served.id for served in tracks.values()}
    kept = {each.served.id: each for each in view.committed.standby if each.until > view.now}
    recalled = {(each.key, each.version) for each in view.recalls}
    for key, served in view.committed.tracks.items():
        new = tracks.get(key)
        if key[1] != Track.PRODUCTION or new is None or new.id == served.id:
            continue
        going_back = new.id in kept or (key, served.id) in recalled
        kept |= {each.served.id: replace(each, rival=False) for each in kept.values() if each.served.id.name == key[0]}
        if (key, served.id) not in recalled:
            until = view.now + view.bake_seconds
            kept[served.id] = Standby(served, until, not going_back, _most(view.committed, key[0], new))
    return tuple(each for version, each in sorted(kept.items()) if version not in on_track)


def _most(committed: Deployment, name: str, new: Served) -> float:
    """Percent of callers that the version before may keep: none who met the new one when it was the canary."""
    staging = committed.tracks.get((name, Track.STAGING))
    was_canary = staging is not None and staging.id == new.id
    return 100.0 - committed.traffic.get(name, Traffic()).canary if was_canary else 100.0


def _conclude(rehearsal: Rehearsal) -> Action:
    deployment = rehearsal.deployment
    if rehearsal.failed:
        sentence = f"generation {deployment.generation} dropped: {rehearsal.failed}"
        return Abandon(sentence, deployment, rehearsal.culprits)
    if rehearsal.waiting:
        return Wait(f"generation {deployment.generation} waits for {rehearsal.waiting} workers")
    return Commit(f"generation {deployment.generation} committed", deployment)


def _next_version(view: View) -> Action:
    if view.busy:
        return Wait(view.busy)
    ordered = sorted(view.wishes.items(), key=lambda item: (item[0][1] != Track.PRODUCTION, item[0][0]))
    for _, wish in ordered:
        fact = view.facts.get(wish.id, Fact())
        if fact.phase == Phase.FETCHED:
            return Try(f"trying {wish.id}", wish)
        if fact.phase == Phase.UNKNOWN or (fact.phase == Phase.REFUSED and _is_due(fact, view.now)):
            return Fetch(f"fetching {wish.id}", wish)
    return Wait(f"serving generation {view.committed.generation}: {_summary(view)}")


def _is_due(fact: Fact, now: float) -> bool:
    """Whether to look again; a moment too far ahead was set by a clock that was wrong."""
    return fact.retry_at <= now or now + LONGEST_RETRY_SECONDS < fact.retry_at < float("inf")


def _summary(view: View) -> str:
    refused = [wish.id for wish in view.wishes.values() if view.facts.get(wish.id, Fact()).phase == Phase.REFUSED]
    served = f"{len(view.committed.tracks)} tracks of {len(view.committed.models())} models"
    served += f", refused: {', '.join(str(each) for each in sorted(set(refused)))}" if refused else ""
    waiting = [str(view.wishes[key].id) for key in sorted(view.held)]
    return served + (f", waiting for their turn: {', '.join(waiting)}" if waiting else "")


def _difference(old: Deployment, new: Deployment) -> str:
    parts = []
    for key in sorted({*old.tracks, *new.tracks}):
        before, after = old.tracks.get(key), new.tracks.get(key)
        if after and (before is None or before.id != after.id):
            parts.append(f"{key[0]} {key[1]} → version {after.id.version} ({after.why})")
        elif before and after is None:
            parts.append(f"{key[0]} {key[1]} taken off")
    for name in sorted({*old.traffic, *new.traffic}):
        shared = new.traffic.get(name, Traffic())
        if shared != old.traffic.get(name, Traffic()):
            parts.append(f"{name} {shared}")
    if old.personal != new.personal:
        parts.append("other columns are personal")
    return "; ".join(parts) or "aliases or standby changed"
