#!/bin/sh
# Ardour with a screen for it, and MLT, where this machine can be given them; without them the tests are skipped and say so.
packages="ardour xvfb melt python3-mlt"
for program in ardour ardour7-lua Xvfb melt; do
  command -v "$program" >/dev/null || missing="$missing $program"
done
/usr/bin/python3 -c "import mlt7" 2>/dev/null || missing="$missing python3-mlt"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages && exit 0
fi
echo "not here:$missing (Debian 12: apt-get install --no-install-recommends $packages)"
