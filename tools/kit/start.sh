#!/bin/sh
# Opens the course; the first time, sets it up from the wheels in this folder, without the internet.
cd "$(dirname "$0")" || exit 1
for python in "$PYTHON" {pythons} python3; do
  if "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv)' \
    {versions} 2>/dev/null; then
    exec "$python" start.py "$@"
  fi
done
echo "The course needs Python {words}; install it from https://www.python.org/downloads/, or from the stick if it is there, and start this again." >&2
exit 1
