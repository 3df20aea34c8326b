#!/usr/bin/env bash
# Put PyTorch into the virtual environment $1, for its tests, if pip is offered the build for CPUs: that has no CUDA, so no
# gigabytes. It is in no lock: a registry's own build would bring them to everybody. Nothing that is locked moves.
set -euo pipefail
python=$1/bin/python
"$python" -c 'import sys; from importlib.util import find_spec; sys.exit(find_spec("torch") is None)' && exit 0
kept=$(mktemp)
trap 'rm -f "$kept"' EXIT
"$python" -m pip freeze --disable-pip-version-check --exclude-editable >"$kept"
if "$python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: -c "$kept" \
  torch==2.13.0+cpu networkx==3.6.1 sympy==1.14.0 mpmath==1.3.0 setuptools==80.9.0 2>/dev/null; then
  "$python" -m pip check --disable-pip-version-check >/dev/null || { echo "torch: it does not fit what is locked." >&2; exit 1; }
else
  echo "torch: PyTorch's tests are left out: pip is offered no torch 2.13.0+cpu. To have them, show pip PyTorch's index for CPUs (PIP_EXTRA_INDEX_URL)."
fi
