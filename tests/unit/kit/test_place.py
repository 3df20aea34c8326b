from __future__ import annotations

import pickle
from typing import Any

import fsspec
import pytest

from cuelight.kit.place import Place


def test_what_is_within_a_place_has_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store is connected to once, not for each object; another process does so by itself."""
    opened = list[str]()
    open_it = fsspec.core.url_to_fs

    def counted(url: str, **options: Any) -> Any:
        opened.append(url)
        return open_it(url, **options)

    monkeypatch.setattr(fsspec.core, "url_to_fs", counted)
    place = Place.of("memory://bucket/prefix")
    place.within("a").write(b"1")
    assert place.within("a").read() == b"1"
    assert place.at("/bucket/prefix/a").exists()
    assert opened == ["memory://bucket/prefix"]
    sent = pickle.loads(pickle.dumps(place.within("a")))
    assert sent == place.within("a")
    assert sent.read() == b"1"
    assert len(opened) == 2
