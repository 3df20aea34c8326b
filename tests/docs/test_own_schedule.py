"""What the how-to has cron, systemd and Kubernetes do is what they take, and what Cuelight does."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from cuelight.cli.exit_codes import OF_VERDICT
from cuelight.monitoring.schedule.cron import next_turn
from tests.docs.pages import blocks, text
from tests.docs.test_commands import parse

PAGE = "docs/how-to/run-on-your-own-schedule.md"
FILES = {block.mark[1]: block.text for block in blocks(PAGE) if block.mark[0] == "file"}
CODES = sorted({code for code in OF_VERDICT.values() if code})
BUSY = 75


def unit(name: str) -> configparser.ConfigParser:
    """A systemd unit's sections."""
    found = configparser.ConfigParser(interpolation=None)
    found.read_string(FILES[name])
    return found


def manifest() -> Any:
    """The CronJob."""
    return yaml.safe_load(FILES["drift-churn.yaml"])


def test_the_crontab_is_one() -> None:
    """Five fields, and a command that is there, a line; what it says goes to a log."""
    first, *lines = FILES["crontab"].splitlines()
    assert re.fullmatch(r"CUELIGHT_CONFIG=\S+", first)
    for line in lines:
        *fields, rest = line.split(maxsplit=5)
        next_turn(" ".join(fields), 0.0)
        command, _, log = rest.partition(" >> ")
        assert log.endswith(" 2>&1")
        assert "%" not in rest  # cron's end of line
        parse(command.split()[1:])


def test_the_units_are_ones(tmp_path: Path) -> None:
    """A command that is there, all verdicts told from failures; systemd has nothing to say against them."""
    service = unit("cuelight-drift@.service")["Service"]
    parse([word.replace("%I", "churn") for word in service["execstart"].split()[1:]])
    assert service["successexitstatus"].split() == [*map(str, CODES), "TEMPFAIL"]
    assert unit("cuelight-drift@.timer")["Timer"]["persistent"] == "true"
    for name in ("cuelight-drift@.service", "cuelight-drift@.timer"):
        (tmp_path / name).write_text(FILES[name].replace("/opt/cuelight/bin/cuelight", sys.executable))
        if systemd := shutil.which("systemd-analyze"):
            verify = [systemd, "verify", "--recursive-errors=no", str(tmp_path / name.replace("@", "@churn"))]
            done = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=60)
            assert (done.returncode, name in done.stderr) == (0, False), done.stderr


def test_the_manifest_is_one(tmp_path: Path) -> None:
    """What Kubernetes' API asks for: a policy on exit codes wants pods that never restart, and mounts want volumes."""
    found = manifest()
    assert (found["apiVersion"], found["kind"]) == ("batch/v1", "CronJob")
    next_turn(found["spec"]["schedule"], 0.0)
    job = found["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    parse(container["command"][1:])
    assert pod["restartPolicy"] == "Never"
    rules = {rule["action"]: rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"]}
    assert (rules["FailJob"]["values"], rules["Ignore"]["values"]) == (CODES, [BUSY])
    assert {rule["containerName"] for rule in rules.values()} == {container["name"]}
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    if kubectl := shutil.which("kubectl"):  # which reads it by Kubernetes' own types, and drops what they don't have
        path = tmp_path / "drift-churn.yaml"
        path.write_text(FILES[path.name])
        container["image"] = "another"
        image = f"{container['name']}={container['image']}"
        command = [kubectl, "set", "image", "--local", "-f", str(path), image, "-o", "json"]
        read = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert holds(json.loads(read.stdout), found)


def test_each_code_has_its_word() -> None:
    """The page's table names every exit code of `cuelight drift`."""
    (line,) = [line for line in text(PAGE).splitlines() if line.startswith("| `cuelight drift NAME")]
    for verdict, code in OF_VERDICT.items():
        assert re.search(rf"\b{code}\b[^;]*`{verdict}`", line), verdict
    assert re.search(rf"\b{BUSY}\b", line)


def holds(whole: Any, part: Any) -> bool:
    """Whether all that is in `part` is in `whole`."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


def test_what_is_left_out_is_found() -> None:
    """A field that Kubernetes does not have is missing in what comes back: the check above can fail."""
    assert holds({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]})
    assert not holds({"a": [{"c": 2}]}, {"a": [{"b": 1}]})
