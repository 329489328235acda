#!/bin/sh
# What a Linux machine without a desktop lacks for drawing a Qt window.
#
#   scripts/screen.sh install        install it where we may, else name it; never fails
#   scripts/screen.sh run COMMAND…   run on the display, or on a virtual one where there is none
set -eu

PACKAGES="xvfb xauth libegl1 libgl1 libgl1-mesa-dri libglib2.0-0 libdbus-1-3 libfontconfig1
    libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
    libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 fonts-dejavu-core"

has_display() {
    [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname -s)" != Linux ]
}

has_libraries() {
    for name in libEGL.so.1 libGL.so.1 libxkbcommon-x11.so.0 libxcb-cursor.so.0 libdbus-1.so.3; do
        ldconfig -p 2>/dev/null | grep -q "$name" || /sbin/ldconfig -p 2>/dev/null | grep -q "$name" || return 1
    done
}

case "$1" in
install)
    if has_display || { has_libraries && command -v xvfb-run >/dev/null; }; then
        exit 0
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing what drawing without a display needs …"
        # shellcheck disable=SC2086
        if apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends $PACKAGES >/dev/null; then
            exit 0
        fi
    fi
    echo "There is no display here, and drawing on a virtual one needs system packages that are not"
    echo "installed. napari will not be drawn and tests of the window may fail. Debian, Ubuntu:"
    echo "  sudo apt-get install" $PACKAGES
    ;;
run)
    shift
    if has_display; then
        exec "$@"
    elif command -v xvfb-run >/dev/null; then
        exec xvfb-run -a -s "-screen 0 1600x1000x24" "$@"
    else
        QT_QPA_PLATFORM=offscreen exec "$@"
    fi
    ;;
esac
