#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Podman, run by a user without privileges. The engine makes a user namespace, in which the
# container's root is that user.

# shellcheck disable=SC2034,SC2086 # for lib.sh; AS is words
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
echo user:x:1000:1000::/home/user:/bin/sh >>/etc/passwd
echo user:x:1000: >>/etc/group
for f in subuid subgid; do echo user:100000:65536 >>/etc/$f; done
mkdir -p /home/user /run/user/1000
chown 1000:1000 /home/user /run/user/1000
AS="setpriv --reuid 1000 --regid 1000 --clear-groups env -C / HOME=/home/user
	XDG_RUNTIME_DIR=/run/user/1000"
CHILDREN='' HOW=clone3
run_container() {
	podman_run "$@"
}
claim "rootless: podman import" $AS podman import "$work/image.tar" box

podman_is crun
engine="rootless $engine"
mkdir /run/spawnctl
claim "$engine, node of mode 0600: starts a container" \
	start closed --device /dev/spawnctl -v /run/spawnctl:/run/spawnctl:ro
echo 1 >$allow
made_by "--device, mode 0600, allow_filtered=1" closed "clone3 (device: errno 13)"
echo 0 >$allow
claim "$engine, socket: the service starts" serve "grant user=1000 children=11"
made_by "socket, allow_filtered=0, 11 children" closed device
# Without a session of systemd, the container is in the cgroup of the engine's caller
claim "$engine, socket: the service sees the user of the engine" serves_as 1000 ''
leaves closed 10010
claim "$engine, socket: 5 more children, then EDQUOT" in_box closed "inside budget 5"
ends 10010 podman rm -f -t 0 closed
claim "$engine, socket: the service ends" stop_serving

chmod 666 /dev/spawnctl
claim "make install-cdi" install_cdi
device_in cdi "CDI, mode 0666" --device spawnctl/device=all
leaves cdi 10005
ends 10005 podman kill cdi
echo 0 >$allow
chmod 600 /dev/spawnctl

CHILDREN=13
fork_killed "--preserve-fds, 13 children" localhost/box dash /tight

unload
finish
