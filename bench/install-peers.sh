#!/bin/sh
# Installs what the bench compares with and loads by, on Debian and Ubuntu. The npm peers come with `npm ci`.
# The services that the packages bring are not needed: the bench starts its own processes, on its own ports.
set -eu
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx haproxy wrk util-linux
if [ -d /run/systemd/system ]; then $as_root systemctl disable --now nginx haproxy; fi
