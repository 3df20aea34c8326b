"""What several checks go by, looked up once: the settings, what runs, and what the registry says first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from cuelight.cli.checkup.greeting import Greeting, greet
from cuelight.cli.stack.supervisord import Control
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings
from cuelight.registry.login import PASSWORD, is_guarded


class Scene:
    """One installation as it is now. Looking changes nothing in it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def states(self) -> Mapping[str, str]:
        """Each program of `cuelight up` in supervisord's words; none where that does not run."""
        try:
            return Control.of(self.settings).states()
        except Unavailable:
            return {}

    @property
    def has_registry(self) -> bool:
        """Whether there should be an MLflow now: an existing one, or that of a `cuelight up` that runs."""
        return bool(self.settings.registry_uri or self.states)

    @property
    def has_password(self) -> bool:
        """Whether we can say who we are at MLflow without drawing a password."""
        return not is_guarded(self.settings) or (self.settings.keys_folder / PASSWORD).exists()

    @cached_property
    def greeting(self) -> Greeting:
        """What the registry answers when it is asked for its version.

        Raises:
            Unavailable: nothing, in time.
        """
        return greet(self.settings)
