#!/usr/bin/env bash
# Make sure that promtool is there: the tests check the rules by it. Of Debian's package it is all that is taken: the
# rest is a server, and would be started.
set -euo pipefail
command -v promtool >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "promtool: taking promtool out of Debian's package prometheus, for the tests of the rules ..."
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  chmod 755 "$folder"
  apt-get update -qq && (cd "$folder" && apt-get download -qq prometheus 2>/dev/null) &&
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -O ./usr/bin/promtool >"$folder/promtool" &&
    install "$folder/promtool" /usr/local/bin/promtool && exit 0
fi
echo "promtool: the tests need promtool. Install it by: sudo apt-get install prometheus" >&2
exit 1
