#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Podman, run by root, with crun and with runc. Its default profile allows clone3.

# shellcheck disable=SC2034,SC2317 # for lib.sh; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
AS='' CHILDREN='' HOW=clone3
run_container() {
	podman_run "$@"
}
claim "podman import" podman import "$work/image.tar" box

podman_is crun
# Neither node nor descriptor
mkdir /run/spawnctl
claim "$engine: starts a container" start none -v /run/spawnctl:/run/spawnctl:ro
claim "$engine: its seccomp profile is in force" says "$(printf 'Seccomp:\t2')" in_box none "inside state"
claim "$engine: clone3 without a struct fails with EINVAL" gives 22 in_box none "inside act clone3"
claim "$engine: /dev/spawnctl does not exist in a container" \
	in_box none "inside answers /dev/spawnctl 2"
made_by "nothing" none "clone3 (device: errno 2)"
socket_in none 0 10000
ends 10000 podman rm -f -t 0 none

device_in node --device --device /dev/spawnctl
leaves node 10001
ends 10001 podman kill node
echo 0 >$allow

claim "make install-cdi" install_cdi
device_in cdi CDI --device spawnctl/device=all
leaves cdi 10002
ends 10002 podman stop -t 1 cdi
echo 0 >$allow
rm /etc/cdi/spawnctl.json
claim "$engine, CDI: control: without the specification the container is not started" \
	gives 126 run_container --device spawnctl/device=all localhost/box true

CHILDREN=8
claim "$engine, --preserve-fds: starts a container" start inherited
claim "$engine, --preserve-fds: the container inherits the descriptor" in_box inherited "inside devices 1"
made_by "--preserve-fds, 8 children" inherited device
leaves inherited 10003
claim "$engine, --preserve-fds: 2 more children, then EDQUOT" in_box inherited "inside budget 2"
claim "$engine, --preserve-fds: the module is in use while the container runs" used
claim "$engine, --preserve-fds: the module cannot be unloaded" refused modprobe -r spawnctl
claim "$engine, --preserve-fds: doctor on the host names a process of the container" \
	holder_is "$(podman inspect -f '{{.State.Pid}}' inherited)"
ends 10003 podman rm -f -t 0 inherited
CHILDREN=13
fork_killed "--preserve-fds, 13 children" localhost/box dash /tight

CHILDREN=
fork_killed_by_socket

# As a pod of Kubernetes is described. Its program is "spawnctl doctor".
pod() {
	podman kube play --network none "$top/examples/pod.yaml" && podman wait spawner-main
}
pod_log() {
	podman logs spawner-main
}
claim "the service starts" serve "grant user=0"
claim "$engine, kube play: the pod of the example runs" pod
claim "$engine, kube play: its programs can use the device" \
	says "ok       programs     programs can use the device: it has started a test program" pod_log
claim "$engine, kube play: doctor finds the service" says "ok       service      /run/spawnctl/socket: the service \
(spawnctl serve) gives this process a descriptor" pod_log
row "kube play, socket" "$(podman logs spawner-main 2>&1 | sed -n 's/.*programs     programs //p')"
claim "$engine: podman kube down" podman kube down "$top/examples/pod.yaml"
claim "the service ends" stop_serving

podman_is runc
CHILDREN=13
fork_killed "--preserve-fds, 13 children" localhost/box dash /tight
CHILDREN=
fork_killed_by_socket
device_in runc-node --device --device /dev/spawnctl
leaves runc-node 10004
ends 10004 podman kill runc-node
echo 0 >$allow

unload
finish
