#!/usr/bin/env bash
# Make the virtual environment $1 with exactly the locked packages, and Cuelight itself in editable form.
set -euo pipefail
venv=$1
python=${PYTHON:-python3}

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

command -v "$python" >/dev/null || fail "there is no $python. Install Python 3.11 or newer (Debian: apt-get install python3)."
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
  fail "$("$python" --version) is here, and Python 3.11 to 3.13 is needed. Name one: make PYTHON=python3.12 ..."

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
    fail "Python's venv module is missing. Install it by: sudo apt-get install $package"
  echo "setup: installing $package ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null ||
    fail "apt-get could not install $package."
fi

# From an activated environment, $python is in the one that is about to be removed.
python=$("$python" -c 'import sys; print(sys._base_executable)')
echo "setup: making $venv and installing the locked packages (a minute or two) ..."
rm -rf "$venv"
"$python" -m venv "$venv"
# The lock is complete: --no-deps keeps pip from resolving it again.
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
"$venv/bin/pip" check >/dev/null || fail "the locked packages do not fit each other: $("$venv/bin/pip" check)"
