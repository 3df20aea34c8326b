"""Machines for tests: network namespaces on a bridge of their own, or loopback addresses where those can't be had."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from tests.support.relay import Relay


class Machine(Protocol):
    """Where a host runs: reached at `address`, bound to `own`; it reaches this process at `home`."""

    address: str
    own: str
    prefix: list[str]

    def cut(self) -> None:
        """Nobody reaches it any more."""

    def mend(self) -> None:
        """It is reached again."""

    def way(self, port: int) -> str:
        """Where it reaches what listens on loopback, at `port`, of the machine that tests run on."""

    def block(self, way: str) -> None:
        """Nothing that is sent that way gets anywhere."""

    def clear(self, way: str) -> None:
        """It does again."""

    def close(self) -> None:
        """Nothing is reached any more."""


class _Ways:
    """Relays to what listens on loopback of the machine that tests run on."""

    home: str
    _ways: list[Relay]

    def way(self, port: int) -> str:
        self._ways.append(Relay((self.home, 0), ("127.0.0.1", port)))
        return f"{self.home}:{self._ways[-1].port}"

    def block(self, way: str) -> None:
        self._relay(way).cut()

    def clear(self, way: str) -> None:
        self._relay(way).mend()

    def _relay(self, way: str) -> Relay:
        return next(each for each in self._ways if way == f"{self.home}:{each.port}")


class Namespace(_Ways):
    """A network namespace with one end of a cable; its other end is in the bridge."""

    def __init__(self, number: int, bridge: str, net: str) -> None:
        self.name, self._cable = f"{bridge}n{number}", f"{bridge}v{number}"
        self.address = self.own = f"{net}.{number}"
        self.home = f"{net}.254"
        self.prefix = ["ip", "netns", "exec", self.name]
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self._cable, "master", bridge, "up")
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self.name, "link", "set", "eth0", "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        self._ways = []

    def cut(self) -> None:
        _ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        _ip("link", "set", self._cable, "up")

    def close(self) -> None:
        for each in self._ways:
            each.close()
        _ip("netns", "delete", self.name)


class Loopback(_Ways):
    """An address of 127.0.0.0/8; to it and from it there are relays, which can be cut."""

    def __init__(self, number: int, port: int) -> None:
        self.address, self.own, self.home = f"127.0.1.{number}", f"127.0.2.{number}", "127.0.0.1"
        self.prefix: list[str] = []
        self._ways = [Relay((self.address, port), (self.own, port))]

    def cut(self) -> None:
        for each in self._ways:
            each.cut()

    def mend(self) -> None:
        for each in self._ways:
            each.mend()

    def close(self) -> None:
        for each in self._ways:
            each.close()


def missing() -> str:
    """What it takes to make namespaces, and is not here; empty: nothing."""
    if os.geteuid() != 0:
        return "namespaces take root"
    probe = f"cue{os.getpid()}"
    try:
        _ip("link", "add", probe, "type", "bridge")
        _ip("netns", "add", probe)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"namespaces take `ip`, bridges and CAP_NET_ADMIN: {error}"
    finally:
        with suppress(OSError, subprocess.CalledProcessError):
            _ip("netns", "delete", probe)
        with suppress(OSError, subprocess.CalledProcessError):
            _ip("link", "delete", probe)
    return ""


@contextmanager
def machines(count: int, port: int) -> Iterator[list[Machine]]:
    """So many, on which a host listens at `port`; gone afterwards."""
    lacking = missing()
    if lacking:
        warnings.warn(f"Machines are played on loopback addresses: {lacking}.", stacklevel=2)
        loops = [Loopback(number, port) for number in range(1, count + 1)]
        yield [*loops]
        for loop in loops:
            loop.close()
        return
    bridge, net = f"cue{os.getpid() % 100_000}", f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
    made: list[Namespace] = []
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{net}.254/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        made.extend(Namespace(number, bridge, net) for number in range(1, count + 1))  # as far as it gets
        yield [*made]
    finally:
        for each in made:
            each.close()
        _ip("link", "delete", bridge)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)
