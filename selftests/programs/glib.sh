#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# GLib's g_spawn functions.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# shellcheck disable=SC2046 # words
claim "gspawn.c compiles" gcc -o "$work/gspawn" "$here/gspawn.c" $(pkg-config --cflags --libs glib-2.0)
same "g_spawn" "$work/gspawn" 20
spawns "g_spawn" some "$work/gspawn" 1
finish
