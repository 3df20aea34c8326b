"""The manifests are ones: by the API's schemas, by what they name of each other, and by what Cuelight has."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from cuelight.cli.exit_codes import OF_VERDICT
from cuelight.cli.stack.programs import programs
from cuelight.gateway.draining import SECONDS
from cuelight.kit.configuration import read
from cuelight.kit.settings import Settings, table
from cuelight.monitoring.schedule.cron import next_turn
from cuelight.registry import object_store
from tests.docs.pages import ROOT, text
from tests.docs.test_commands import parse
from tests.support.kustomize import Manifest, apply, containers, pod, rendered

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("small", "production", "object-storage")
PAGE = "docs/operating/kubernetes.md"
VERSIONS = ("1.31", "1.37")  # of Kubernetes: the oldest that it is meant for, and the newest with schemas
BUSY = 75
WHOLE = {name: rendered(FOLDER / "overlays" / name) for name in OVERLAYS}


def params(chosen: Callable[[Manifest], Any]) -> list[Any]:
    """Those manifests of all overlays for which `chosen` is true, to parametrize a test."""
    of_all = [(name, each) for name in OVERLAYS for each in WHOLE[name] if chosen(each)]
    return [pytest.param(each, id=f"{name}-{each['kind']}-{each['metadata']['name']}") for name, each in of_all]


def is_ours(manifest: Manifest) -> bool:
    """Whether its containers run Cuelight."""
    return any(each.get("command", [""])[0] == "cuelight" for each in containers(manifest))


@pytest.mark.parametrize("manifest", params(bool))
def test_the_api_takes_it(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the schemas of the oldest and the newest Kubernetes, in which no other fields are known."""
    from kubernetes_validate import utils, validate

    monkeypatch.setattr(utils, "schema_contents", _schemas(utils))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for version in VERSIONS:
            validate(manifest, version, strict=True)


@cache
def _schemas(utils: Any) -> Any:
    """What reads the schemas, each once: it would read them all for each manifest."""
    return cache(utils.schema_contents)


def test_a_field_that_is_not_there_is_found() -> None:
    """The test above can fail."""
    from kubernetes_validate import ValidationError, validate

    (settings,) = (each for each in WHOLE["small"] if each["metadata"]["name"] == "cuelight-settings")
    with pytest.raises(ValidationError):
        validate({**settings, "daat": {}}, VERSIONS[0], strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_kustomize_makes_the_same_of_it(name: str) -> None:
    """What these tests read is what Kustomize applies."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        return  # then what these tests make of it by themselves is all there is
    done = subprocess.run(
        [kubectl, "kustomize", str(FOLDER / "overlays" / name)], capture_output=True, check=True, timeout=60
    )

    def sort(manifests: Any) -> list[str]:
        return sorted(json.dumps(each, sort_keys=True) for each in manifests)

    assert sort(yaml.safe_load_all(done.stdout)) == sort(WHOLE[name])


def test_a_patch_needs_what_it_changes() -> None:
    """A path that is not there any more is not passed over."""
    with pytest.raises(KeyError):
        apply({"spec": {}}, {"op": "replace", "path": "/spec/replicas", "value": 1})


@pytest.mark.parametrize("manifest", params(is_ours))
def test_commands_and_variables_exist(manifest: Manifest) -> None:
    """Each container starts a command that there is, before it stops too, and is given settings that there are."""
    for container in containers(manifest):
        before_stop = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep"])
        for command in (container["command"], before_stop):
            assert command[0] in ("cuelight", "sleep")
            if command[0] == "cuelight":
                parse(command[1:])
        given = dict(variables(container))
        settings = read(environment={key: value for key, value in given.items() if key.startswith("CUELIGHT_")})
        assert str(settings.home) == "/data"
        assert {key for key in given if not key.startswith("CUELIGHT_")} <= {"MLFLOW_SERVER_ALLOWED_HOSTS"}


def variables(container: Manifest, name: str = "small") -> Iterator[tuple[str, str]]:
    """What a container finds in its environment, but for secrets."""
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            yield from one(name, "ConfigMap", source["configMapRef"]["name"])["data"].items()
    for each in container.get("env", []):
        yield each["name"], each.get("value", "")


def one(name: str, kind: str, called: str) -> Manifest:
    """The manifest of that name."""
    (found,) = (each for each in WHOLE[name] if (each["kind"], each["metadata"]["name"]) == (kind, called))
    return found


def test_every_program_has_a_place(tmp_path: Any) -> None:
    """What `cuelight up` runs is run here; the compactor's work is a job's."""
    started = {
        " ".join(each["command"][1:3])
        for each in itertools.chain(*map(containers, WHOLE["small"]))
        if "command" in each
    }
    wanted = {" ".join(each.command[3:]) for each in programs(Settings(home=tmp_path)) if each.name != "mlflow"}
    assert {*wanted - {"compact"}, "compact --once", "mlflow", "serve", "follow"} == started


@pytest.mark.parametrize("manifest", params(pod))
def test_pods_are_bound(manifest: Manifest) -> None:
    """No root, no rights, nothing to be written but volumes, no token of Kubernetes', and so much memory."""
    template = pod(manifest)
    assert template
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["securityContext"]["runAsNonRoot"] is True
    assert template["spec"]["securityContext"]["runAsUser"] > 0
    assert template["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(manifest):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"memory"}
        assert "/tmp" in {each["mountPath"] for each in container["volumeMounts"]}
    if manifest["kind"] == "CronJob":
        assert manifest["spec"]["concurrencyPolicy"] == "Forbid"
        next_turn(manifest["spec"]["schedule"], 0.0)


@pytest.mark.parametrize("manifest", params(pod))
def test_mounts_are_volumes_and_volumes_are_there(manifest: Manifest) -> None:
    """Each mount has a volume, each volume is mounted, and what it is made of is in the overlay or said on the page."""
    template, spec = pod(manifest), manifest["spec"]
    assert template
    volumes = {each["name"]: each for each in template["spec"].get("volumes", [])}
    claimed = {each["metadata"]["name"] for each in spec.get("volumeClaimTemplates", [])}
    mounted = {each["name"] for container in containers(manifest) for each in container["volumeMounts"]}
    assert mounted == {*volumes, *claimed}
    claims = {
        each["metadata"]["name"] for name in OVERLAYS for each in WHOLE[name] if each["kind"] == "PersistentVolumeClaim"
    }
    assert {
        each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "persistentVolumeClaim" in each
    } <= claims


def test_what_people_make_is_said() -> None:
    """Each Secret and ConfigMap that pods want is in the overlay, or the page has a command that makes it."""
    dumped = {name: json.dumps(WHOLE[name]) for name in OVERLAYS}
    for name in OVERLAYS:
        maps = set(re.findall(r'"config[mM]ap(?:Ref)?": {"name": "([^"]+)"', dumped[name]))
        secrets = set(re.findall(r'"secret(?:Ref|KeyRef)": {[^}]*"name": "([^"]+)"', dumped[name]))
        secrets |= set(re.findall(r'"secretName": "([^"]+)"', dumped[name]))
        ours = {each["metadata"]["name"] for each in WHOLE[name] if each["kind"] == "ConfigMap"}
        assert maps
        assert secrets
        for each in maps - ours:
            assert f"create configmap {each} " in text(PAGE)
        for each in secrets:
            assert f"create secret generic {each} " in text(PAGE)
    for variable in re.findall(r"--from-literal=(CUELIGHT_[A-Z_]+)", text(PAGE)):
        assert variable in {row.variable for row in table()}


@pytest.mark.parametrize("name", OVERLAYS)
def test_selectors_choose_pods(name: str) -> None:
    """Of services, budgets, spreads and what makes pods: each chooses the pods that it means."""
    made = [template["metadata"]["labels"] for each in WHOLE[name] if (template := pod(each))]
    for each in WHOLE[name]:
        spec = each.get("spec", {})
        if each["kind"] == "Service":
            wanted = spec["selector"]
            (ports,) = (
                {port["name"] for c in containers(other) for port in c.get("ports", [])}
                for other in WHOLE[name]
                if (t := pod(other)) and t["metadata"]["labels"] == wanted
            )
            assert {port["targetPort"] for port in spec["ports"]} <= ports
        elif each["kind"] in ("StatefulSet", "Deployment", "PodDisruptionBudget"):
            wanted = spec["selector"]["matchLabels"]
        else:
            continue
        assert wanted in made
        template = pod(each)
        assert template is None or template["metadata"]["labels"] == wanted
        for spread in template["spec"].get("topologySpreadConstraints", []) if template else []:
            assert spread["labelSelector"]["matchLabels"] == wanted
        if each["kind"] == "PodDisruptionBudget":
            assert spec["maxUnavailable"] >= 1  # whatever the number of pods, a node can be emptied


@pytest.mark.parametrize("name", OVERLAYS)
def test_who_may_ask_whom(name: str) -> None:
    """Policies let through what the page's table says, and nothing else."""
    policies = [each for each in WHOLE[name] if each["kind"] == "NetworkPolicy"]
    parts = {t["metadata"]["labels"]["app.kubernetes.io/component"] for each in WHOLE[name] if (t := pod(each))}
    (nobody,) = (each["spec"] for each in policies if each["metadata"]["name"] == "nobody")
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    found = {
        (asker, asked, port)
        for asker, asked in itertools.permutations(sorted(parts), 2)
        for port in lets(policies, "egress", asker, asked) & lets(policies, "ingress", asked, asker)
    }
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \|", text(PAGE), re.MULTILINE)
    assert {(a, b, int(port)) for a, b, port in rows if {a, b} <= parts} == found
    assert {each["metadata"]["name"] for each in policies} <= {"nobody", "names", *parts}


def lets(policies: list[Manifest], way: str, subject: str, peer: str) -> set[int]:
    """The ports that the policies of `subject` open to `peer`, or towards it."""
    labels = {"app.kubernetes.io/name": "cuelight", "app.kubernetes.io/component": peer}
    mine = [each["spec"] for each in policies if component(each["spec"]["podSelector"]) == subject]
    rules = [rule for spec in mine for rule in spec.get(way, [])]
    peers = {"egress": "to", "ingress": "from"}[way]
    return {
        port["port"]
        for rule in rules
        if peers not in rule or any(chooses(each.get("podSelector"), labels) for each in rule[peers])
        for port in rule["ports"]
    }


def component(selector: Manifest) -> str:
    """The component that a selector means."""
    return str(selector.get("matchLabels", {}).get("app.kubernetes.io/component", ""))


def chooses(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """Whether a pod with these labels is meant; a selector of namespaces alone means none of ours."""
    if selector is None:
        return False
    listed = all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))
    return listed and selector.get("matchLabels", {}).items() <= labels.items()


def test_probes_ask_for_what_is_there() -> None:
    """At ports that the program listens on, for pages that it has, without a token."""
    pages = {"serving": {"/livez", "/readyz"}, "gateway": {"/readyz"}, "mlflow": {"/health"}}
    for each in WHOLE["small"]:
        for container in containers(each):
            name, ports = (
                container["name"],
                {port["name"]: port["containerPort"] for port in container.get("ports", [])},
            )
            if name not in pages:
                continue
            settings = read(
                environment={key: value for key, value in variables(container) if key.startswith("CUELIGHT_")}
            )
            assert ports == {"http": getattr(settings, f"{name}_port")}
            assert getattr(settings, f"{name}_host") == "0.0.0.0"
            probes = [
                container[probe] for probe in ("startupProbe", "livenessProbe", "readinessProbe") if probe in container
            ]
            asked = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
            assert asked == pages[name]


def test_memory_and_time_are_enough() -> None:
    """What settings let a program take is below what its container may, and it has time to end what it has begun."""
    serving, gateway = (
        one("small", kind, name) for kind, name in (("StatefulSet", "serving"), ("Deployment", "gateway"))
    )
    follower, server = containers(serving)
    settings = read(environment={key: value for key, value in variables(follower) if key.startswith("CUELIGHT_")})
    assert settings.trial_memory_bytes < size(follower["resources"]["limits"]["memory"])
    assert settings.serving_cache_bytes < size(server["resources"]["limits"]["memory"]) / 2
    assert settings.gateway_memory_bytes < size(next(containers(gateway))["resources"]["limits"]["memory"])
    templates = pod(serving), pod(gateway)
    assert all(template and template["spec"]["terminationGracePeriodSeconds"] > 2 * SECONDS for template in templates)
    assert templates[0]
    assert templates[0]["spec"]["shareProcessNamespace"] is True
    assert follower["restartPolicy"] == "Always"
    (store,) = serving["spec"]["volumeClaimTemplates"]
    assert settings.serving_store_bytes < size(store["spec"]["resources"]["requests"]["storage"])


def size(quantity: str) -> int:
    """Bytes of a quantity such as 4Gi."""
    return int(quantity[:-2]) << {"Ki": 10, "Mi": 20, "Gi": 30}[quantity[-2:]]


def test_follower_and_server_share_what_they_meet_in() -> None:
    """Home, store, journal, tokens and shared memory are one and the same volume to both, at the same place."""
    follower, server = containers(one("small", "StatefulSet", "serving"))
    mounts = [{(each["mountPath"], each["name"]) for each in c["volumeMounts"]} for c in (follower, server)]
    shared = {path for path, _ in mounts[0] & mounts[1]}
    assert shared == {"/data", "/data/serving", "/data/journal", "/data/access", "/dev/shm"}
    assert follower["image"] == server["image"]
    assert dict(variables(follower)) == dict(variables(server))


def test_hosts_are_scaled_by_what_waits() -> None:
    """The metric is one of serving's, the adapter's rule is for it, and what is scaled is there."""
    scaler = one("production", "HorizontalPodAutoscaler", "serving")["spec"]
    pods, processor = scaler["metrics"]
    name = pods["pods"]["metric"]["name"]
    assert f"| `{name}` | gauge |" in text("docs/reference/metrics.md")
    rule = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"][0]
    assert rule["name"]["as"] == name
    assert rule["seriesQuery"].startswith(name)
    target = one("production", scaler["scaleTargetRef"]["kind"], scaler["scaleTargetRef"]["name"])
    assert "replicas" not in target["spec"]
    assert processor["containerResource"]["container"] in {each["name"] for each in containers(target)}
    assert scaler["minReplicas"] >= 3  # a zone each


def test_a_verdict_is_no_crash() -> None:
    """A drift job that came to a verdict is not tried again; one that another process was at is."""
    rules = one("production", "CronJob", "drift-churn")["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    found = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules}
    assert found == {"FailJob": sorted({code for code in OF_VERDICT.values() if code}), "Ignore": [BUSY]}


def test_who_has_the_key_of_the_object_store() -> None:
    """MLflow, and who writes or reads the journal: their pods may ask it, and no others. The URLs can be ones."""
    manifests = WHOLE["object-storage"]
    holders = {
        container["name"]: container
        for each in manifests
        for container in containers(each)
        if "cuelight-object-storage" in json.dumps(container["envFrom"])
    }
    assert set(holders) == {"mlflow", "compact", "board", "scheduler", "drift", "retrain"}
    policies = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"}
    asks = {
        name
        for name, spec in policies.items()
        for rule in spec.get("egress", [])
        if "to" not in rule and 443 in {port["port"] for port in rule["ports"]}
    }
    assert asks == {"mlflow", "job", "gateway", "scheduler"}
    told = dict(itertools.chain(*(variables(each, "object-storage") for each in holders.values())))
    settings = read(environment={key: value for key, value in told.items() if key.startswith("CUELIGHT_")})
    for each in (settings.mlflow_artifacts, settings.journal_archive):
        object_store.check(each)


def test_the_secret_of_the_object_store_is_what_boto3_reads() -> None:
    """The page's command gives it the names that boto3 knows."""
    command = next(line for line in text(PAGE).splitlines() if "generic cuelight-object-storage" in line)
    named = set(re.findall(r"--from-literal=([A-Z_]+)=", command))
    assert named == {"AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
