#!/bin/sh
# Installs what the bench compares with and loads by, on Debian and Ubuntu. The npm peers come with `npm ci`.
set -eu
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

# The bench starts its own processes, so the services that come with the packages are switched off again. One that was here before
# may be somebody's web server: it is left alone.
added=
for service in nginx haproxy caddy; do
  command -v "$service" >/dev/null || [ -x "/usr/sbin/$service" ] || added="$added $service"
done

$as_root apt-get update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx haproxy caddy wrk util-linux
if [ -d /run/systemd/system ]; then
  for service in $added; do $as_root systemctl disable --now "$service"; done
fi
