"""A job over a folder that is killed at each of its steps."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

# In each folder, named by a number, the job kills itself at that checkpoint. Forked before Arrow has threads.
_SCRIPT = """
import os, signal, sys
from pathlib import Path
{imports}
for folder in map(Path, sys.argv[1:]):
    child = os.fork()
    if child == 0:
        left = [int(folder.name)]
        def checkpoint(step):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        {job}
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, folder
"""


def killed(imports: str, job: str, base: Path, steps: int, into: Path) -> list[Path]:
    """Copies of `base` in `into`, in each of which `job` was killed with SIGKILL at another of its `steps`.

    The job is an expression of `folder` and `checkpoint`, with what `imports` brings.
    """
    folders = [shutil.copytree(base, into / str(step)) for step in range(1, steps + 1)]
    script = _SCRIPT.format(imports=imports, job=job)
    subprocess.run([sys.executable, "-c", script, *map(str, folders)], check=True, timeout=120)
    return folders
