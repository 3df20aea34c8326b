"""What a version is held against: the rows that its training kept from it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cuelight.kit.errors import Refused
from cuelight.monitoring.windows.targets import Target
from cuelight.registry import tags
from cuelight.registry.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd


class References:
    """References by digest, downloaded once and checked each time they are read."""

    def __init__(self, tracking: Tracking, folder: Path) -> None:
        self._tracking = tracking
        self._folder = folder

    def read(self, target: Target) -> pd.DataFrame:
        """The reference table of a version.

        Raises:
            Refused: its bytes are not those that training signed for.
            RegistryUnavailable, NotFound: it can't be downloaded.
        """
        import pandas as pd

        path = self._folder / f"{target.reference_digest}.parquet"
        if not path.is_file() or _sha256(path) != target.reference_digest:
            self._download(target, path)
        return pd.read_parquet(path)

    def _download(self, target: Target, path: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as draft:
            found = self._tracking.download_run_file(target.run_id, target.reference_path, Path(draft))
            digest = _sha256(found)
            if digest != target.reference_digest:
                raise Refused(
                    f"The reference of {target.model} version {target.version} was altered: its SHA-256 is {digest}, "
                    f"the tag {tags.REFERENCE} says {target.reference_digest}. Train the version again."
                )
            found.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
