#!/usr/bin/env bash
# Make sure that wrk is there: the benchmarks make their load by it.
set -euo pipefail
command -v wrk >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "wrk: installing Debian's wrk for the benchmarks ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq wrk >/dev/null && command -v wrk >/dev/null && exit 0
fi
echo "wrk: the benchmarks need wrk. Install it by: sudo apt-get install wrk" >&2
exit 1
