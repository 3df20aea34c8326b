"""What a node of Kubernetes' makes of a pod, as far as Linux alone goes: containers from a manifest, as real processes.

A root of its own that can't be written, volumes where the manifest mounts them, the user that it names, no rights, its
command, variables and hook; a network that containers share, and processes that those of one pod see if it says so. Not
Kubernetes: nothing is scheduled, probed or restarted, no limits are kept, and no system calls are filtered.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT
from tests.support.host import eventually
from tests.support.kustomize import Manifest, containers, pod

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")
_PYTHON, _SOURCE = "/opt/cuelight", "/opt/source"
_DEVICES = ("null", "zero", "random", "urandom")


def possible() -> bool:
    """Whether namespaces, and mounts in them, can be made here: that takes root, with CAP_SYS_ADMIN."""
    made = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    return os.getuid() == 0 and subprocess.run(made, capture_output=True, check=False).returncode == 0


@contextmanager
def network() -> Iterator[ThreadPoolExecutor]:
    """What runs in this thread, and what it starts, is in a network of its own that has loopback alone."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_leave_the_network).result()
        yield thread


def _leave_the_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "No network of its own")
    with socket.socket() as any_socket:
        wanted = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", ioctl(any_socket, _GET_FLAGS, wanted))[1]
        ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", flags | _UP))


class Container:
    """A running container."""

    def __init__(self, process: subprocess.Popen[bytes], start: list[str], environment: Mapping[str, str]) -> None:
        self._process, self._start, self._environment = process, start, environment
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self.pid = int(eventually(children.read_text).split()[0])

    def status(self) -> dict[str, str]:
        """What the kernel says of its first process (proc(5), `status`)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run another command in it, as its user, until that ends."""
        entered = ["nsenter", f"--target={self.pid}", "--pid", "--mount", "--root"]
        within = [*entered, *self._start, "env", "--chdir=/data", *_ours(command)]
        return subprocess.run(within, env=self._environment, capture_output=True, text=True, timeout=200, check=False)

    def stop(self) -> int:
        """Tell it to stop, wait for that, and return its exit code."""
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
        return self._process.wait(120)

    def kill(self) -> None:
        """End it, if it still runs."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()


class Node:
    """Runs containers of `manifests`; volumes, and what each container says, are in `folder`.

    Secrets and ConfigMaps that are in no manifest are folders in `folder`, too, a file for each key.
    """

    def __init__(self, folder: Path, manifests: list[Manifest]) -> None:
        self.folder = folder
        self._manifests = manifests
        self._pods: dict[str, subprocess.Popen[bytes]] = {}
        self._containers: list[Container] = []
        (folder / "hosts").write_text("127.0.0.1 localhost\n127.0.0.1 mlflow\n")

    def start(self, kind: str, name: str, called: str) -> Container:
        """Start the container of that name, of the pod of that manifest."""
        (manifest,) = (each for each in self._manifests if (each["kind"], each["metadata"]["name"]) == (kind, name))
        template = pod(manifest)
        assert template
        (container,) = (each for each in containers(manifest) if each["name"] == called)
        user = template["spec"]["securityContext"]
        start = [
            "setpriv",
            *(f"--reuid={user['runAsUser']}", f"--regid={user['runAsGroup']}", f"--groups={user['fsGroup']}"),
            *("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"),
        ]
        mounts = [(self._volume(template, name, each, user["fsGroup"]), each) for each in container["volumeMounts"]]
        root = self.folder / f"{name}-{called}.root"
        root.mkdir()
        script = "\n".join([*_root(root, self.folder / "hosts"), *_mounts(root, mounts), f"mount -o remount,ro {root}"])
        script += f"\nexec chroot {root} {shlex.join([*start, 'env', '--chdir=/data', *_ours(container['command'])])}"
        environment = self._environment(container, template)
        with (self.folder / f"{called}.log").open("wb") as log:
            process = subprocess.Popen(
                [*self._processes(name, template), "unshare", "--mount", "sh", "-euc", script],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._containers.append(Container(process, start, environment))
        return self._containers[-1]

    def close(self) -> None:
        """End all that runs."""
        for each in self._containers:
            each.kill()
        for pause in self._pods.values():
            pause.kill()
            pause.wait()

    def _processes(self, name: str, template: Manifest) -> list[str]:
        """What leads into the pod's processes."""
        if not template["spec"].get("shareProcessNamespace"):
            return ["unshare", "--pid", "--fork"]
        if name not in self._pods:
            pause = ["unshare", "--pid", "--fork", "--kill-child", "sleep", "infinity"]
            self._pods[name] = subprocess.Popen(pause)
            children = Path(f"/proc/{self._pods[name].pid}/task/{self._pods[name].pid}/children")
            eventually(children.read_text)
        return ["nsenter", f"--pid=/proc/{self._pods[name].pid}/ns/pid_for_children"]

    def _volume(self, template: Manifest, name: str, mount: Manifest, group: int) -> Path:
        """Where on this machine what is mounted is; a new volume belongs to the pod's group."""
        volumes = {each["name"]: each for each in template["spec"]["volumes"]}
        volume = volumes.get(mount["name"], {})
        made = volume.get("configMap", {}).get("name") or volume.get("secret", {}).get("secretName")
        claimed = volume.get("persistentVolumeClaim", {}).get("claimName")
        folder = self.folder / str(made or claimed or f"{name}-{mount['name']}")
        place = folder / str(mount.get("subPath", ""))
        if not place.exists():
            place.mkdir(parents=True)
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, group=group)
            each.chmod((0o440 if each.is_file() else 0o550) if made else 0o2770)
        return place

    def _environment(self, container: Manifest, template: Manifest) -> dict[str, str]:
        """The image's variables, and those of the manifest."""
        found = {
            **image(),
            "PYTHONPATH": ":".join(f"{_SOURCE}/{part}" for part in ("platform", "pipelines", "serving", "monitoring")),
        }
        for source in container.get("envFrom", []):
            ((kind, named),) = source.items()
            found |= self._values(kind, named["name"])
        fields = {
            "metadata.name": template["metadata"]["labels"]["app.kubernetes.io/component"],
            "status.podIP": "127.0.0.1",
        }
        for each in container.get("env", []):
            field = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            found[each["name"]] = each.get("value", "") if field is None else fields.get(field, "")
        return found

    def _values(self, kind: str, name: str) -> dict[str, str]:
        if (self.folder / name).is_dir():
            return {each.name: each.read_text() for each in (self.folder / name).iterdir()}
        assert kind == "configMapRef", f"nobody made {name}"
        (found,) = (each for each in self._manifests if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", name))
        data: dict[str, str] = found["data"]
        return data


def image() -> dict[str, str]:
    """The variables that the Dockerfile sets."""
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    (line,) = (line for line in text.splitlines() if line.startswith("ENV "))
    found = dict(each.split("=", 1) for each in shlex.split(line)[1:])
    return {**found, "PATH": found["PATH"].replace("$PATH", "/usr/bin:/bin:/usr/sbin:/sbin")}


def _ours(command: list[str]) -> list[str]:
    """The command by the interpreter that is there in the image's place."""
    return [f"{_PYTHON}/bin/python", "-m", "cuelight.cli", *command[1:]] if command[0] == "cuelight" else command


def _root(root: Path, hosts: Path) -> Iterator[str]:
    """Lines of a shell that make a root: the system, Python with its packages, and our sources, none to be written."""
    yield f"mount -t tmpfs none {root}"
    yield f"mkdir -p {root}/proc {root}/dev {root}/tmp {root}/opt"
    yield f"mount -t proc none {root}/proc"
    for name in _DEVICES:
        yield f"touch {root}/dev/{name}; mount --bind /dev/{name} {root}/dev/{name}"
    kept = [(each, each) for each in _SYSTEM if Path(each).exists()]
    if not sys.base_prefix.startswith("/usr"):
        kept.append((sys.base_prefix, sys.base_prefix))
    for source, place in (*kept, (sys.prefix, _PYTHON), (str(ROOT), _SOURCE)):
        if Path(source).is_symlink():
            yield f"ln -s {Path(source).readlink()} {root}{place}"
        else:
            yield from _bound(source, f"{root}{place}", read_only=True)
    yield f"mount --bind {hosts} {root}/etc/hosts"


def _mounts(root: Path, mounts: list[tuple[Path, Manifest]]) -> Iterator[str]:
    for source, mount in sorted(mounts, key=lambda each: str(each[1]["mountPath"])):
        yield from _bound(str(source), f"{root}{mount['mountPath']}", mount.get("readOnly", False))


def _bound(source: str, place: str, read_only: bool) -> Iterator[str]:
    made = f"mkdir -p {place}" if Path(source).is_dir() else f"mkdir -p {Path(place).parent}; touch {place}"
    yield f"{made}; mount --bind {source} {place}"
    if read_only:
        yield f"mount -o remount,bind,ro {place}"


def made_by(script: str, folder: Path, more: Mapping[str, Any]) -> None:
    """Run a shell script in whose place of `kubectl create` files are made in `folder`, as `Node` reads them.

    Raises:
        CalledProcessError: it failed.
    """
    tools = folder / "tools"
    tools.mkdir()
    (tools / "kubectl").write_text(_KUBECTL)
    (tools / "cuelight").write_text(f'#!/bin/sh\nexec {sys.executable} -m cuelight.cli "$@"\n')
    (tools / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for each in tools.iterdir():
        each.chmod(0o755)
    variables = {**os.environ, **more, "PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-euc", script], cwd=folder, env=variables, check=True, timeout=120)


_KUBECTL = """#!/bin/sh
[ "$1" = create ] && [ "$2" != namespace ] || exit 0
shift; [ "$1" = secret ] && shift
name=$2; mkdir "$name"; shift 2
for each; do
  case $each in
    --from-file=*) given=${each#--from-file=}; [ -d "$given" ] && cp "$given"/* "$name" || cp "$given" "$name" ;;
    --from-literal=*) pair=${each#--from-literal=}; printf %s "${pair#*=}" >"$name/${pair%%=*}" ;;
  esac
done
"""
