"""The one name that MLflow imports."""

from __future__ import annotations

from flask import Flask


class CSRFProtect:
    """Protects nothing."""

    def init_app(self, app: Flask) -> None:
        """Nothing to do."""

    def protect(self) -> None:
        """Nothing to do."""
