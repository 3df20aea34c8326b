"""How Envoy's configuration is written: plain dictionaries in the JSON form of its protocol buffers.

Field names are those of Envoy's API reference, version 3.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from cuelight.kit import files

Message = dict[str, Any]
_TYPES = "type.googleapis.com/"


def typed(kind: str, **fields: Any) -> Message:
    """A message that says of which type it is, such as `envoy.config.route.v3.RouteConfiguration`."""
    return {"@type": _TYPES + kind, **fields}


def extension(name: str, kind: str, **fields: Any) -> Message:
    """A part that Envoy finds by its name, with its configuration."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def seconds(value: float) -> str:
    """A duration as protocol buffers write it: `1.5s`."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def address(host: str, port: int) -> Message:
    """Where something listens."""
    return {"socket_address": {"address": host, "port_value": port}}


def pipe(path: str) -> Message:
    """A unix socket that its owner alone may use."""
    return {"pipe": {"path": path, "mode": 0o600}}


def by_file(path: Path) -> Message:
    """Where Envoy reads what may change while it runs: it follows renames onto `path`, and nothing else."""
    return {"path_config_source": {"path": str(path.absolute())}, "resource_api_version": "V3"}


def write(path: Path, *resources: Message) -> bool:
    """Put a dynamic file in place, by a rename; False if that is what it says already."""
    content = json.dumps({"resources": resources}, indent=1)
    document = {"version_info": sha256(content.encode()).hexdigest()[:16], "resources": resources}
    return replace(path, document)


def replace(path: Path, document: Message) -> bool:
    """Put a file of Envoy's in place; False if that is what it says already."""
    content = json.dumps(document, indent=1).encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    files.replace(path, content, mode=0o600, lasting=False)
    return True
