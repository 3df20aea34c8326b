from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from cuelight.access import keys, revocation
from cuelight.gateway.places import Places
from cuelight.gateway.watcher import Watcher
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica
from tests.support.tokens import Mint

ONE = Replica("one", "127.0.0.1", 8001, "a", 2)
TWO = Replica("two", "127.0.0.1", 8002, "b", 3)


def published(settings: Settings, name: str = "endpoints") -> dict[str, Any]:
    """What Envoy is told."""
    document = json.loads((settings.gateway_folder / f"{name}.json").read_text())
    resource: dict[str, Any] = document["resources"][0]
    return resource


def members(settings: Settings) -> list[dict[str, Any]]:
    """All hosts of all zones."""
    return [each for zone in published(settings)["endpoints"] for each in zone["lb_endpoints"]]


def put(settings: Settings, *there: Replica) -> str:
    """Say who serves, and what the watcher says to that."""
    replicas.change(settings, lambda _: there)
    return Watcher(settings).tick()


def test_without_a_file_the_serving_host_is_published(tmp_path: Path) -> None:
    """The one of the settings."""
    settings = Settings(home=tmp_path, serving_port=8123)
    assert "endpoints: replica-1 (127.0.0.1:8123)" in Watcher(settings).tick()
    assert members(settings)[0]["endpoint"]["address"]["socket_address"]["port_value"] == 8123


def test_names_are_looked_up(tmp_path: Path) -> None:
    """Envoy takes addresses alone; a name that nobody knows changes nothing."""
    settings = Settings(home=tmp_path)
    put(settings, structs.replace(ONE, address="localhost"))
    before = published(settings)
    assert members(settings)[0]["endpoint"]["address"]["socket_address"]["address"] in ("127.0.0.1", "::1")
    with pytest.raises(Misconfigured, match=r"nobody\.invalid"):
        put(settings, structs.replace(ONE, address="nobody.invalid"))
    assert published(settings) == before


def test_it_writes_only_what_has_changed(tmp_path: Path) -> None:
    """Envoy reads the file whenever it is put in place."""
    settings = Settings(home=tmp_path)
    assert put(settings, ONE, TWO)
    before = Places(settings.gateway_folder).endpoints.stat().st_ino
    assert Watcher(settings).tick() == ""
    assert Places(settings.gateway_folder).endpoints.stat().st_ino == before


def test_weights_count_where_they_are_asked_for(tmp_path: Path) -> None:
    """Elsewhere a host is a host."""
    for balance, weights in (("weighted", [2, 3]), ("round-robin", [None, None])):
        settings = Settings(home=tmp_path / balance, gateway_balance=balance)
        put(settings, ONE, TWO)
        assert [each.get("load_balancing_weight") for each in members(settings)] == weights


def test_weights_of_the_settings_go_first(tmp_path: Path) -> None:
    """By name; who is not named keeps the file's. What is no weight is named, and changes nothing."""
    settings = Settings(home=tmp_path, gateway_balance="weighted", gateway_weights="two=128, elsewhere=1")
    put(settings, ONE, TWO)
    assert [each["load_balancing_weight"] for each in members(settings)] == [2, 128]
    for wrong in ("two", "two=", "=2", "two=0", "two=129", "two=1.5", "two=1;one=2"):
        with pytest.raises(Misconfigured, match=r"gateway\.weights"):
            Watcher(replace(settings, gateway_weights=wrong)).tick()


def test_who_drains_is_said_to(tmp_path: Path) -> None:
    """It stays in the list, so that what it has is finished."""
    settings = Settings(home=tmp_path)
    said = put(settings, structs.replace(ONE, draining=True), TWO)
    assert "endpoints: one (draining), two (127.0.0.1:8002)" in said
    assert [each["health_status"] for each in members(settings)] == ["DRAINING", "HEALTHY"]


def test_that_nobody_serves_is_never_published(tmp_path: Path) -> None:
    """All draining, or a file that can't be read: what was published last stays."""
    settings = Settings(home=tmp_path)
    put(settings, ONE, TWO)
    before = published(settings)
    said = put(settings, *(structs.replace(each, draining=True) for each in (ONE, TWO)))
    assert "nobody would be left to serve" in said
    assert published(settings) == before
    for content in ("", "[]", "{}", '[{"name": "one"}]'):
        replicas.path(settings).write_text(content)
        with pytest.raises(Misconfigured):
            Watcher(settings).tick()
        assert published(settings) == before


def test_a_list_of_replicas_that_is_wrong_holds_up_no_revocation(tmp_path: Path) -> None:
    """Who may come in is published all the same."""
    settings = Settings(home=tmp_path)
    put(settings, ONE)
    Places(settings.gateway_folder).routes.unlink()
    replicas.path(settings).write_text("[]")
    with pytest.raises(Misconfigured):
        Watcher(settings).tick()
    assert Places(settings.gateway_folder).routes.exists()


def test_by_locality_there_is_a_gateway_in_each_zone(tmp_path: Path) -> None:
    """This one's zone, and all that replicas are in."""
    settings = Settings(home=tmp_path, gateway_balance="locality", gateway_zone="c")
    put(settings, ONE, TWO)
    assert [each["locality"]["zone"] for each in published(settings)["endpoints"]] == ["a", "b"]
    assert [each["locality"]["zone"] for each in published(settings, "fleet")["endpoints"]] == ["a", "b", "c"]


def test_tokens_are_followed(tmp_path: Path) -> None:
    """Keys and revocations as they are now; without a key nobody could be let in, and what is wrong changes nothing."""
    settings = Settings(home=tmp_path, access_required=True)
    with pytest.raises(Misconfigured, match="cuelight token create"):
        Watcher(settings).tick()
    Mint(settings)
    watcher = Watcher(settings)
    assert "1 keys count, 0 tokens" in watcher.tick()
    assert watcher.tick() == ""
    revocation.publish(settings.tokens_folder, {"to-go": 1.0})
    assert "1 tokens are revoked" in watcher.tick()
    assert "to-go" in json.dumps(published(settings, "routes"))
    before = published(settings, "keys")
    (settings.tokens_folder / keys.PUBLIC).write_bytes(b'{"keys": []}')
    revocation.publish(settings.tokens_folder, {"to-go": 1.0, "this-too": 1.0})
    assert "2 tokens are revoked" in watcher.tick()
    assert published(settings, "keys") == before
