"""Bringing a version as far as *ready*: fetched, held against its digests and signature, and tried."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from cuelight.kit import files
from cuelight.kit.errors import CuelightError, Misconfigured, Refused
from cuelight.kit.settings import Settings
from cuelight.kit.signing import TrustedKeys
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion
from cuelight.registry.port import Registry
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.versions import requirements, trial, trust
from cuelight.serving.versions.samples import Sample
from cuelight.serving.versions.store import ModelStore


class Preparation:
    """Fetches and tries versions; each call blocks for as long as that takes, and answers with a fact."""

    def __init__(
        self,
        registry: Registry,
        store: ModelStore,
        settings: Settings,
        recent: Callable[[str], Sequence[Sample]],
        try_out: Callable[..., trial.Verdict] = trial.run,
    ) -> None:
        self._registry = registry
        self._store = store
        self._settings = settings
        self._recent = recent
        self._try_out = try_out

    def keys(self) -> TrustedKeys:
        """The public keys that count now."""
        return TrustedKeys.load(self._settings.keys_folder)

    def basis(self, version: ModelVersion) -> str:
        """What a refusal of this version would rest on now."""
        chosen = self._settings
        try:
            keys = self.keys()
        except Misconfigured:  # a file among the keys is none: `fetch` says so, the rest goes on
            keys = TrustedKeys({})
        tried = (chosen.trial_requirements, chosen.trial_seconds, chosen.trial_memory_bytes, requirements.installed())
        return trust.basis(version, keys, chosen.trust_unsigned, chosen.registry_artifact_roots, *tried)

    def vouched(self, version: ModelVersion, signed_by: str) -> bool:
        """Whether who once vouched for this version still does: the key counts, and its signature is still there."""
        signed = signed_by == trust.OPEN or f":{signed_by}:" in version.tags.get(tags.SIGNATURE, "")
        return signed and self.counts(signed_by)

    def counts(self, signed_by: str) -> bool:
        """Whether who vouched for a version would be believed now; empty: it needed nobody."""
        if signed_by == trust.OPEN:
            return self._settings.trust_unsigned
        try:
            return not signed_by or signed_by in self.keys().keys
        except Misconfigured:  # can't be told now
            return True

    def fetch(self, version: ModelVersion, pinned: str) -> Fact:
        """Bring the files into the store, unless something speaks against it."""
        draft, began = self._store.draft(), time.monotonic()
        try:
            fact = self._fetch(version, pinned, draft)
            return replace(fact, reason=f"Fetched and checked in {time.monotonic() - began:.2f} s")
        except Refused as error:
            return Fact(Phase.REFUSED, reason=str(error))
        except (CuelightError, OSError) as error:  # the registry or the disk: it may pass, `Refusals` says when to look
            return Fact(Phase.REFUSED, reason=f"Not fetched yet: {error}", retry_at=time.time())
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def attempt(self, version: ModelVersion, fact: Fact) -> Fact:
        """Let a fetched version load and predict in a process of its own."""
        try:
            entry = self._store.verified(fact.digest)
        except Refused:
            return Fact()  # gone or altered on disk: fetch it again
        chosen, began = self._settings, time.monotonic()
        verdict = self._try_out(
            entry.files,
            fact.digest,
            fact.signed_by,
            self._recent(version.name),
            chosen.trial_seconds,
            chosen.trial_memory_bytes,
        )
        if not verdict.ok:
            return Fact(Phase.REFUSED, fact.digest, fact.signed_by, verdict.reason)
        files.replace(entry.trial, json.dumps(asdict(verdict)).encode())
        tried = f"tried in {time.monotonic() - began:.2f} s on {verdict.tried} requests"
        parts = [fact.reason, tried, f"predicts in {verdict.predict_ms:.2f} ms", verdict.note]
        return Fact(Phase.READY, fact.digest, fact.signed_by, ", ".join(each for each in parts if each) + ".")

    def _fetch(self, version: ModelVersion, pinned: str, draft: Path) -> Fact:
        trust.check_source(self._registry.artifact_uri(version), self._settings.registry_artifact_roots)
        self._registry.fetch(version, draft)
        manifest, key = trust.check_signature(version, draft, self.keys(), pinned)
        vouched = trust.check_content(draft, key, self._settings.trust_unsigned)
        if self._settings.trial_requirements:
            requirements.check(draft)
        entry = self._store.admit(draft, manifest)
        return Fact(Phase.FETCHED, entry.manifest.digest, vouched)
