#!/bin/sh
# System libraries and programs that no wheel carries. Installs what is missing where that is possible without asking
# (root on a Debian system); elsewhere it says what to install and goes on, since most machines have them already.
#
#   sh tools/system_packages.sh run    what a build needs: the libraries that OpenCV and MediaPipe link against
#   sh tools/system_packages.sh test   also Chromium, which opens the report in the tests, and espeak-ng, which speaks to the recogniser
set -eu

missing=""
need_library() { # need_library SONAME PACKAGE
    ldconfig -p 2>/dev/null | grep -q "$1" || missing="$missing $2"
}

[ "$(uname -s)" = Linux ] || exit 0
PATH="$PATH:/usr/sbin:/sbin"
command -v ldconfig >/dev/null 2>&1 || exit 0
need_library libGL.so.1 libgl1
need_library libEGL.so.1 libegl1
need_library libGLESv2.so.2 libgles2
need_library libgthread-2.0.so.0 libglib2.0-0
if [ "${1:-run}" = test ]; then
    command -v espeak-ng >/dev/null 2>&1 || missing="$missing espeak-ng"
    command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    echo "Installing system packages:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Not found on this system (Debian's names):$missing"
    echo "Install them with your package manager if something below can't find a library or a browser."
fi
