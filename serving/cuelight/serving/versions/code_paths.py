"""Code that a version brings with it (MLflow's `code_paths`): each version runs its own.

Python knows one module of a name. Two versions that both bring a `features.py` would share the one that was imported
first, and the other would answer by code that is not its own, though its trial saw the right one. So a version's
modules are known by their names only while it is loaded; afterwards the model holds them by reference. A version that
imports when it predicts is found out, and has its modules back each time; others of the same names then wait.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

_T = TypeVar("_T")
_LOCKS: dict[str, threading.RLock] = {}


class CodePaths:
    """The modules below `folder`; without a folder there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = str(folder.absolute()) if folder else ""
        found = {each.stem for each in folder.iterdir() if each.is_dir() or each.suffix == ".py"} if folder else set()
        # What the server itself has imported stays, as it does under MLflow.
        self._names = sorted(each for each in found if each in _LOCKS or each not in sys.modules)
        self._modules: dict[str, ModuleType] = {}
        self._locks = [_LOCKS.setdefault(name, threading.RLock()) for name in self._names]
        self._proven = self._late = False

    @classmethod
    def of(cls, files: Path, flavors: Mapping[str, Any]) -> CodePaths:
        """Those of the version in `files`, by its `MLmodel`'s flavors."""
        named = {str(each["code"]) for each in flavors.values() if isinstance(each, dict) and each.get("code")}
        folder = files / min(named) if named else None
        return cls(folder if folder and folder.is_dir() else None)

    @contextlib.contextmanager
    def in_charge(self) -> Iterator[None]:
        """The names mean this version's modules in here."""
        with self._held():
            if self._folder:
                sys.path.insert(0, self._folder)
            sys.modules.update(self._modules)
            count = len(sys.modules)
            try:
                yield
            finally:
                self._withdraw(grown=len(sys.modules) != count)

    def bound(self, act: Callable[..., _T]) -> Callable[..., _T]:
        """`act` with this version's modules, by reference or, where it imports them as it goes, by name."""
        if not self._names:
            return act

        def bound(*arguments: Any) -> _T:
            if self._late:
                return in_charge(*arguments)
            try:
                if self._proven:
                    return act(*arguments)
                with self._held():  # nobody else's modules are there: an import by name can't be answered
                    answer = act(*arguments)
                    self._proven = True
                    return answer
            except Exception as error:  # until proven, whatever it is may come of a module that is missing
                if self._proven and not (isinstance(error, ModuleNotFoundError) and self._brings(error.name)):
                    raise
            answer = in_charge(*arguments)
            self._late = True
            return answer

        def in_charge(*arguments: Any) -> _T:
            with self.in_charge():
                return act(*arguments)

        return bound

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            for lock in self._locks:  # in the order of their names: nobody waits in a circle
                held.enter_context(lock)
            yield

    def _brings(self, module: str | None) -> bool:
        return (module or "").partition(".")[0] in self._names

    def _withdraw(self, grown: bool) -> None:
        if grown:
            self._modules = {name: each for name, each in list(sys.modules.items()) if self._brings(name)}
        for name in self._modules:
            sys.modules.pop(name, None)
        sys.path[:] = [each for each in sys.path if each != self._folder]
