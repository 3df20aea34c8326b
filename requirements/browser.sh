#!/usr/bin/env bash
# Make sure that the browser $1 is there: the browser tests drive it.
set -euo pipefail
browser=$1
[ -x "$browser" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "browser: installing Debian's chromium for the browser tests ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && [ -x "$browser" ] && exit 0
fi
echo "browser: the browser tests need $browser. Install it by: sudo apt-get install chromium" >&2
exit 1
