#!/usr/bin/env bash
# Put PyTorch and TensorFlow into the virtual environment $1, for their tests, if pip is offered their builds for CPUs: a
# gigabyte each. They are in no lock: a registry's own build of PyTorch would bring many gigabytes of CUDA to everybody.
# Nothing that is locked moves.
set -euo pipefail
python=$1/bin/python
kept=$(mktemp)
trap 'rm -f "$kept"' EXIT

bring() { # the module, then what pip is to install for it
  "$python" -c 'import sys; from importlib.util import find_spec; sys.exit(find_spec(sys.argv[1]) is None)' "$1" && return
  "$python" -m pip freeze --disable-pip-version-check --exclude-editable >"$kept"
  echo "networks: installing $2 for its test ..."
  if "$python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: -c "$kept" "${@:2}" 2>/dev/null; then
    "$python" -m pip check --disable-pip-version-check >/dev/null || { echo "networks: $2 does not fit what is locked." >&2; exit 1; }
  else
    echo "networks: its test is left out: pip is offered no $2. PyTorch's index for CPUs has PyTorch's (PIP_EXTRA_INDEX_URL)."
  fi
}

bring torch torch==2.13.0+cpu networkx==3.6.1 sympy==1.14.0 mpmath==1.3.0 setuptools==80.9.0
bring tensorflow tensorflow-cpu==2.21.0 keras==3.15.1
