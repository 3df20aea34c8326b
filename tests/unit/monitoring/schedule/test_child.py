from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from cuelight.monitoring.schedule.child import new_log
from cuelight.monitoring.schedule.leash import leashed
from tests.support.host import eventually

_PARENT = """
import sys
from pathlib import Path
from cuelight.monitoring.schedule.child import Child
Child("a", [sys.executable, "-c", sys.argv[1]], Path(sys.argv[2]))._process.wait()
"""
_CHILD = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # it may come before it is waited for
print("at work", flush=True)
signal.sigwait({signal.SIGTERM})
print("given back", flush=True)
"""


def test_old_logs_go(tmp_path: Path) -> None:
    """Of each job the newest are kept, whatever its name, and those of others are left alone."""
    logs = [tmp_path / f"drift%3A%2A-{age:032x}.log" for age in range(5)]
    others = [tmp_path / f"drift%3A%2A-b-{0:032x}.log", tmp_path / f"drift%3A-{0:032x}.log"]
    for path in (*logs, *others):
        path.touch()
    new = new_log(tmp_path, "drift:*", kept=3)
    assert sorted(tmp_path.iterdir()) == sorted([*others, *logs[-2:]])
    assert new > logs[-1]


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed without a word, the parent leaves nothing behind: its child is told to end, and gives back what it has."""
    log = tmp_path / "a.log"
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, _CHILD, str(log)])
    eventually(lambda: log.is_file() and log.read_text() == "at work\n", reason="the child did not start")
    parent.kill()
    parent.wait(30)
    eventually(lambda: log.read_text() == "at work\ngiven back\n", reason="the child was not told to end")


def test_a_child_without_a_parent_does_not_begin() -> None:
    """Its parent was gone before the kernel could be asked to tell of it."""
    command = leashed([sys.executable, "-c", "print('begun')"])
    command[3] = "1"
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "")
