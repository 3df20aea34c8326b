"""The image is made of what is in the repository, runs as nobody in particular, and starts commands that there are.

It is not built here: that takes the base image.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from importlib.metadata import requires
from itertools import pairwise

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cuelight.kit.configuration import read
from tests.docs.pages import ROOT
from tests.docs.test_commands import parse

TEXT = (ROOT / "deploy" / "Dockerfile").read_text()
KEPT = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
USER = "65532"


def instructions() -> list[tuple[str, str]]:
    """Each with its words, lines that go on put together, comments left out."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


STEPS = instructions()
LAST = STEPS[max(i for i, (word, _) in enumerate(STEPS) if word == "FROM") :]


def told(word: str) -> str:
    """What the last stage says by an instruction that is there once."""
    (found,) = (rest for name, rest in LAST if name == word)
    return found


def test_what_is_copied_is_there_and_let_in() -> None:
    """Each path is in the repository, and `.dockerignore` lets it in, and nothing else."""
    copied = [each for word, rest in STEPS if word == "COPY" and "--from" not in rest for each in rest.split()[:-1]]
    assert all((ROOT / each).exists() for each in copied)
    assert {f"!{each}" for each in copied} == {line for line in KEPT if line.startswith("!")}
    assert "*" in KEPT


def test_the_package_is_whole() -> None:
    """What the wheel is made of is copied before it is made."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = {each for word, rest in STEPS if word == "COPY" for each in rest.split()[:-1]}
    parts = build["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {part.partition("/")[0] for part in parts} <= copied
    assert {build["project"]["readme"], *build["project"]["license-files"]} <= copied


def test_packages_are_locked_and_nothing_is_compiled() -> None:
    """pip takes files by their hashes; the last stage installs nothing, and has no pip of Cuelight's own."""
    build = " ".join(rest for word, rest in STEPS if word == "RUN")
    assert "--no-deps --only-binary=:all: --require-hashes -r requirements/runtime.txt" in build
    assert "uninstall --yes --quiet pip" in build
    assert not re.search(r"\bpip\b|apt-get|curl|wget", " ".join(rest for word, rest in LAST if word == "RUN"))
    bases = [rest.split()[0] for word, rest in STEPS if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11-slim-[a-z]+", bases[0])


def test_it_runs_as_nobody() -> None:
    """By a number, which is the one of the Kubernetes manifests; what it writes to is its own."""
    assert told("USER") == f"{USER}:{USER}"
    after = [name for (before, _), (name, _) in pairwise(LAST) if before == "USER"]
    assert after, "nothing follows"
    assert not any(word in ("RUN", "COPY") for word, _ in LAST[[name for name, _ in LAST].index("USER") :])
    assert f"install -d -o {USER} -g {USER} -m 0700 {told('WORKDIR')}" in told("RUN")


def test_it_starts_a_command() -> None:
    """The default is a command that there is, and what the image sets are settings."""
    entry, command = (shlex.split(re.sub(r'[\[\],"]', " ", told(name))) for name in ("ENTRYPOINT", "CMD"))
    assert entry == ["cuelight"]
    parse(command)
    variables = dict(each.split("=", 1) for each in shlex.split(told("ENV")))
    settings = read(environment={name: value for name, value in variables.items() if name.startswith("CUELIGHT_")})
    assert str(settings.home) == told("WORKDIR")
    assert told("EXPOSE") == str(settings.gateway_port)
    assert f"127.0.0.1:{settings.gateway_port}/readyz" in told("HEALTHCHECK")


def test_its_labels_are_the_projects() -> None:
    """Version, licence and description as the package has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = dict(each.split("=", 1) for each in shlex.split(told("LABEL")))
    for name in ("version", "description"):
        assert labels[f"org.opencontainers.image.{name}"] == project[name]
    assert labels["org.opencontainers.image.licenses"] == project["license"]


def test_extras_are_taken_with_all_that_they_need() -> None:
    """What the build picks from the developers' lock, and what is in the other, is whole."""
    (command,) = (rest for word, rest in STEPS if word == "RUN" and "awk" in rest)
    script = re.search(r"awk '([^']+)' (\S+)", command)
    assert script
    picked = subprocess.run(
        ["awk", script[1], script[2]], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    locked = (*picked, *(ROOT / "requirements" / "runtime.txt").read_text().splitlines())
    there = {canonicalize_name(line.partition("==")[0]) for line in locked if re.match(r"[a-z].*==", line)}
    assert {"psycopg", "psycopg-binary", "boto3"} <= there
    for name in (line.partition("==")[0] for line in picked if re.match(r"[a-z].*==", line)):
        needs = [Requirement(each) for each in requires(name) or ()]
        assert {
            canonicalize_name(each.name) for each in needs if each.marker is None or each.marker.evaluate({"extra": ""})
        } <= there
