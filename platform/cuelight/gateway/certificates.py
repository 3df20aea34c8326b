"""Keeps Envoy's file with the certificate as the files of the settings are, or as the self-signed one is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cuelight.gateway import pairs
from cuelight.gateway.encryption import FILES, OFF, SELF_SIGNED, secret
from cuelight.gateway.messages import write
from cuelight.gateway.pairs import Pair
from cuelight.gateway.places import Places
from cuelight.kit import files
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

_RENEWED = timedelta(days=30)  # a self-signed one is, so long before its end


class Certificates:
    """Publishes what callers see, once the pair is whole and right: what is half written, or wrong, changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._mode = settings.gateway_tls
        self._places = Places(settings.gateway_folder)
        given = Path(settings.gateway_certificate).expanduser(), Path(settings.gateway_key).expanduser()
        self._files = given if self._mode == FILES else (self._places.self_signed, self._places.self_signed_key)
        self._seen: tuple[tuple[int, ...], ...] = ()
        self._pair: Pair | None = None

    def start(self) -> str:
        """Publish the first one.

        Raises:
            Misconfigured: there is none that can be served.
        """
        said = self.tick()
        if self._mode != OFF and self._pair is None:
            names = " and ".join(f"gateway.{each}" for each in ("certificate", "key"))
            raise Misconfigured(f"{said}. {names} name the files, as PEM; gateway.tls = self-signed makes its own.")
        return said

    def tick(self) -> str:
        """Publish the pair, if it has changed, and say so; or say why what is there can't be used."""
        if self._mode == OFF:
            return ""
        try:
            if self._mode == SELF_SIGNED and not self._lasts():
                self._make()
            if (seen := _marks(self._files)) == self._seen:
                return ""
            said = self._publish()
            self._seen = seen
        except (OSError, ValueError) as error:
            kept = "; the one before stays" if self._pair else ""
            return f"the certificate in {self._files[0]} can't be used: {_said(error)}{kept}"
        return said

    def _publish(self) -> str:
        pair = self._read()
        write(self._places.certificate, secret(pair.chain, pair.key))
        self._pair = pair
        return f"certificate for {', '.join(pair.names) or 'no name'}, until {pair.until:%Y-%m-%d}"

    def _read(self) -> Pair:
        chain, key = (each.read_bytes() for each in self._files)
        return pairs.read(chain, key, _now())

    def _lasts(self) -> bool:
        """Whether there is a pair, and for a while yet."""
        try:
            pair = self._pair or self._read()
        except (OSError, ValueError):
            return False
        return pair.until - _now() > _RENEWED

    def _make(self) -> None:
        pair = pairs.self_signed(_now())
        for path, content, mode in zip(self._files, (pair.chain, pair.key), (0o644, 0o600), strict=True):
            files.replace(path, content, mode)
        self._pair = None


def _now() -> datetime:
    return datetime.now(UTC)


def _marks(paths: tuple[Path, ...]) -> tuple[tuple[int, ...], ...]:
    """What changes when a file does."""
    stats = [path.stat() for path in paths]
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in stats)


def _said(error: OSError | ValueError) -> str:
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
