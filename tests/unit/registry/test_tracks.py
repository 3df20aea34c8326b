"""Who is on a track, state by state and history by history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput, Misconfigured
from cuelight.registry.model import ModelVersion, RegisteredModel, Snapshot, Track
from cuelight.registry.tracks import Assignment, Claim, TrackMemory, alias_map, assign

ALIASES = alias_map("champion,production", "challenger,staging")
PRODUCTION, STAGING = Track.PRODUCTION, Track.STAGING


def version(
    number: int, stage: str = "None", updated: int = 0, created: int = 0, status: str = "READY"
) -> ModelVersion:
    """A version of model m; by default its time stamps follow its number."""
    return ModelVersion("m", number, created or number, updated or number, f"s{number}", stage=stage, status=status)


def snapshot(
    *versions: ModelVersion, aliases: Mapping[str, int] | None = None, tags: Mapping[str, str] | None = None
) -> Snapshot:
    """A registry that holds model m alone."""
    return Snapshot({"m": RegisteredModel("m", aliases or {}, tags or {}, {each.version: each for each in versions})})


def after(*sweeps: Snapshot) -> Assignment:
    """The assignment after these sweeps in a row."""
    memory = TrackMemory()
    for sweep in sweeps:
        result = assign(sweep, memory, ALIASES)
        memory = result.memory
    return result


def numbers(result: Assignment) -> dict[str, int]:
    """Track to version number, for model m."""
    return {track.value: claim.version.version for (_, track), claim in result.winners.items()}


P, S = "Production", "Staging"
FIRST_SIGHT = [
    ("nothing is claimed", snapshot(version(1)), {}),
    ("a stage", snapshot(version(1, P)), {P: 1}),
    ("archived is no track", snapshot(version(1, "Archived")), {}),
    ("both stages", snapshot(version(1, P), version(2, S)), {P: 1, S: 2}),
    ("an alias", snapshot(version(1), aliases={"champion": 1}), {P: 1}),
    ("an alias of nobody's track", snapshot(version(1), aliases={"best": 1}), {}),
    (
        "the later time stamp, not the higher number",
        snapshot(version(2, P, updated=9), version(3, P, updated=8)),
        {P: 2},
    ),
    ("the higher number at equal time stamps", snapshot(version(2, P, updated=9), version(3, P, updated=9)), {P: 3}),
    ("an alias goes before a stage", snapshot(version(1), version(2, P), aliases={"production": 1}), {P: 1}),
    ("the alias named first", snapshot(version(1), version(2), aliases={"champion": 1, "production": 2}), {P: 1}),
    ("one version on both tracks", snapshot(version(1, P), aliases={"staging": 1}), {P: 1, S: 1}),
    ("a version that is not ready", snapshot(version(1, P), version(2, P, status="PENDING_REGISTRATION")), {P: 1}),
    ("an alias on a version that is not ready", snapshot(version(1, status="X"), aliases={"champion": 1}), {}),
    ("an alias that points at nothing", snapshot(version(1, P), aliases={"champion": 7}), {P: 1}),
    ("serve = false", snapshot(version(1, P), tags={"cuelight.serve": "False"}), {}),
    ("serve = true", snapshot(version(1, P), tags={"cuelight.serve": "true"}), {P: 1}),
]


@pytest.mark.parametrize(
    ("sweep", "expected"), [case[1:] for case in FIRST_SIGHT], ids=[case[0] for case in FIRST_SIGHT]
)
def test_first_sight(sweep: Snapshot, expected: dict[str, int]) -> None:
    """Without memory, the state alone decides as the table says."""
    assert numbers(after(sweep)) == expected


HISTORIES = [
    (
        "version 2 comes back while 3 is still in Production",
        [
            snapshot(version(2, "Archived"), version(3, P, updated=99)),
            snapshot(version(2, P), version(3, P, updated=99)),
        ],
        {P: 2},
    ),
    (
        "an edited description changes nothing",
        [
            snapshot(version(1, P, updated=5)),
            snapshot(version(1, P, updated=5), version(2, P, updated=6)),
            snapshot(version(1, P, updated=99), version(2, P, updated=6)),
        ],
        {P: 2},
    ),
    (
        "a stage set after an alias wins",
        [
            snapshot(version(1), version(2), aliases={"champion": 1}),
            snapshot(version(1), version(2, P), aliases={"champion": 1}),
        ],
        {P: 2},
    ),
    (
        "an alias moved on wins",
        [
            snapshot(version(1), version(2, P), aliases={"champion": 1}),
            snapshot(version(1), version(2, P), aliases={"champion": 2}),
        ],
        {P: 2},
    ),
    (
        "when the winner leaves, the one before it is back",
        [
            snapshot(version(1, P)),
            snapshot(version(1, P), version(2, P)),
            snapshot(version(1, P), version(2, P), version(3, P)),
            snapshot(version(1, P), version(2, P), version(3)),
        ],
        {P: 2},
    ),
    (
        "a version that one reading does not show keeps its place",
        [
            snapshot(version(1, P), version(2)),
            snapshot(version(1, P), version(2, P)),
            snapshot(version(2, P)),
            snapshot(version(1, P), version(2, P)),
        ],
        {P: 2},
    ),
    (
        "the winner is not replaced by one reading that does not show it",
        [
            snapshot(version(1, P), version(2)),
            snapshot(version(1, P), version(2, P)),
            snapshot(version(1, P)),
        ],
        {},
    ),
    (
        "two readings that agree settle it",
        [
            snapshot(version(1, P), version(2)),
            snapshot(version(1, P), version(2, P)),
            snapshot(version(1, P)),
            snapshot(version(1, P)),
        ],
        {P: 1},
    ),
    (
        "a reading without any model forgets nothing",
        [
            snapshot(version(1, P), version(2)),
            snapshot(version(1, P), version(2, P)),
            Snapshot(),
            snapshot(version(1, P), version(2, P)),
        ],
        {P: 2},
    ),
    (
        "an alias that is taken away gives way after two readings",
        [
            snapshot(version(1, P), version(2)),
            snapshot(version(1, P), version(2), aliases={"champion": 2}),
            snapshot(version(1, P), version(2)),
            snapshot(version(1, P), version(2)),
        ],
        {P: 1},
    ),
    (
        "a re-created model is another one",
        [snapshot(version(1, P), version(2, P)), snapshot(version(1, P, created=50), version(2, P))],
        {P: 1},
    ),
    (
        "an unreadable serve tag keeps a model left out",
        [
            snapshot(version(1, P), tags={"cuelight.serve": "no"}),
            snapshot(version(1, P), tags={"cuelight.serve": "nope"}),
        ],
        {},
    ),
    (
        "the order survives while the model is left out",
        [
            snapshot(version(1), version(2, P, updated=99)),
            snapshot(version(1, P), version(2, P, updated=99), tags={"cuelight.serve": "false"}),
            snapshot(version(1, P), version(2, P, updated=99)),
        ],
        {P: 1},
    ),
]


@pytest.mark.parametrize(("sweeps", "expected"), [case[1:] for case in HISTORIES], ids=[case[0] for case in HISTORIES])
def test_histories(sweeps: list[Snapshot], expected: dict[str, int]) -> None:
    """With memory, the order of arrivals decides as the table says."""
    assert numbers(after(*sweeps)) == expected


def test_losers_are_named_with_their_winner() -> None:
    """A version that gives way is named with the claim it gives way to; the winner's other claims are no losers."""
    result = after(snapshot(version(1, P), version(2, P), aliases={"champion": 2}))
    assert [str(each) for each in result.losers] == [
        "m version 1 in Production by stage gives way to m version 2 in Production by alias champion, "
        "which was put there later"
    ]


def test_an_unreadable_tag_is_reported_and_changes_nothing() -> None:
    """A serve tag that is neither true nor false leaves a served model served, with a note."""
    result = after(snapshot(version(1, P)), snapshot(version(1, P), tags={"cuelight.serve": "maybe"}))
    assert numbers(result) == {P: 1}
    assert len(result.notes) == 1
    assert "maybe" in result.notes[0]


def test_an_alias_can_not_mean_both_tracks() -> None:
    """Settings that map one alias to both tracks are refused."""
    with pytest.raises(Misconfigured, match="blue"):
        alias_map("blue, green", "blue")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"claims":[[1]],"left_out":[]}', '{"claims":null,"left_out":[]}'])
def test_a_damaged_memory_is_an_error_of_ours(text: str) -> None:
    """A memory file that was cut or replaced is BadInput, so that the follower can start it anew."""
    with pytest.raises(BadInput):
        TrackMemory.from_json(text)


@dataclass
class Oracle:
    """A plain retelling of the rule: a list of claims in the order they were made."""

    stages: dict[int, str] = field(default_factory=lambda: dict.fromkeys(range(1, 5), "None"))
    aliases: dict[str, int] = field(default_factory=dict)
    order: list[tuple[str, str, int]] = field(default_factory=list)

    def move(self, move: tuple[str, str, int]) -> None:
        """One thing that a person does in the registry."""
        kind, value, number = move
        if kind == "stage":
            before, self.stages[number] = self.stages[number], value
            if before != value:
                self.order = [each for each in self.order if each != (before, "stage", number)]
                self.order += [(value, "stage", number)] if value in (P, S) else []
        else:
            before_number = self.aliases.pop(value, None)
            self.aliases |= {value: number} if number else {}
            if before_number != (number or None):
                self.order = [each for each in self.order if each[1] != f"alias:{value}"]
                self.order += [(ALIASES[value].value, f"alias:{value}", number)] if number else []

    def winners(self) -> dict[str, int]:
        """The last one in the list, per track."""
        return {track: number for track, _, number in self.order}

    def snapshot(self, updated: Mapping[int, int]) -> Snapshot:
        """What the registry would show, with any time stamps."""
        versions = (
            replace(version(number, stage), updated_ms=updated[number]) for number, stage in self.stages.items()
        )
        return snapshot(*versions, aliases=self.aliases)


MOVES = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from([P, S, "None", "Archived"]), st.integers(1, 4)),
    st.tuples(st.just("alias"), st.sampled_from(sorted(ALIASES)), st.integers(0, 4)),
)
TIMES = st.fixed_dictionaries({number: st.integers(0, 99) for number in range(1, 5)})


@given(st.lists(st.tuples(MOVES, TIMES), max_size=40))
def test_the_last_mover_wins_whatever_the_history(history: list[tuple[tuple[str, str, int], dict[int, int]]]) -> None:
    """Two readings a move, with meaningless time stamps and a memory that went through JSON: the last mover wins."""
    oracle, memory = Oracle(), TrackMemory()
    for move, updated in history:
        oracle.move(move)
        memory = assign(oracle.snapshot(updated), memory, ALIASES).memory
        result = assign(oracle.snapshot(updated), memory, ALIASES)
        assert numbers(result) == oracle.winners()
        assert all(each.claim.version != each.winner.version for each in result.losers)
        memory = TrackMemory.from_json(result.memory.to_json())
        assert memory == result.memory


@given(st.lists(st.tuples(MOVES, TIMES), max_size=20))
def test_a_sweep_with_nothing_new_changes_nothing(history: list[tuple[tuple[str, str, int], dict[int, int]]]) -> None:
    """Reading the same state twice gives the same answer and the same memory."""
    oracle = Oracle()
    for move, _ in history:
        oracle.move(move)
    sweep = oracle.snapshot(dict.fromkeys(range(1, 5), 0))
    once = assign(sweep, TrackMemory(), ALIASES)
    assert assign(sweep, once.memory, ALIASES) == once


def test_a_claim_is_a_sentence() -> None:
    """A claim says which version is on which track and how it came there."""
    claim = Claim("m", PRODUCTION, "alias:champion", version(3).id)
    assert str(claim) == "m version 3 in Production by alias champion"
