#!/bin/sh
# Chromium and PostgreSQL for the tests, from Debian's packages where this user may install them. The tests that need
# what is still missing say so: skipped here, failed in CI.
have() { command -v "$1" >/dev/null 2>&1; }
wanted=""
have chromium || have chromium-browser || have google-chrome || wanted="chromium"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || wanted="$wanted postgresql"
[ -n "$wanted" ] && have apt-get || exit 0
as_root=""
[ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null && as_root="sudo -n"; } || exit 0
echo "Installing$([ -n "$wanted" ] && echo " $wanted") for the tests ..."
$as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $wanted \
  >/dev/null || echo "Could not install $wanted; the tests that need it will say so." >&2
exit 0
