#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Docker. Its default profile answers ENOSYS to clone3. The daemon, and not the client, starts a
# container, so that a container inherits nothing from the client.

# shellcheck disable=SC2034,SC2317 # for lib.sh; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
CHILDREN='' HOW=clone
run_container() {
	${CHILDREN:+spawnctl limit --filtered --children=$CHILDREN --} docker run --network none "$@"
}

# daemons: starts containerd and dockerd as the package's services do, but without a network.
# dockerd waits no longer than 15 s for a containerd that it starts itself.
daemons() {
	echo '{"features": {"cdi": true}}' >/etc/docker/daemon.json
	containerd >"$work/containerd.log" 2>&1 &
	wait_for "$work/containerd.log" [ -S /run/containerd/containerd.sock ] || return
	dockerd --containerd=/run/containerd/containerd.sock --iptables=false --ip6tables=false \
		--bridge=none >"$work/dockerd.log" 2>&1 &
	wait_for "$work/dockerd.log" docker info
}

# wait_for LOG COMMAND...: until COMMAND succeeds; else prints the end of LOG
wait_for() {
	log=$1 i=0
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((i += 1)) -le 60 ] || { tail -n 20 "$log"; return 1; }
		sleep 1
	done
}
claim "containerd and dockerd start" daemons
claim "docker import" docker import "$work/image.tar" localhost/box
engine="docker $(docker version -f '{{.Server.Version}}' | sed 's/+.*//'), $(runc --version | sed -n '1s/ version//; 1s/+.*//; 1p')"

# Neither node nor descriptor
mkdir /run/spawnctl
CHILDREN=8
claim "$engine: a client with a marked descriptor starts a container" \
	start none -v /run/spawnctl:/run/spawnctl:ro
CHILDREN=
claim "$engine: its seccomp profile is in force" says "$(printf 'Seccomp:\t2')" in_box none "inside state"
claim "$engine: clone3 fails with ENOSYS" gives 38 in_box none "inside act clone3"
claim "$engine: a container does not inherit the client's descriptor" in_box none "inside devices 0"
claim "$engine: /dev/spawnctl does not exist in a container" \
	in_box none "inside answers /dev/spawnctl 2"
made_by "inherited by the client" none "clone (device: errno 2)"
socket_in none 0 10009
ends 10009 docker rm -f none
fork_killed_by_socket

device_in node --device --device /dev/spawnctl
leaves node 10006
ends 10006 docker kill node
claim "$engine, --device: the container starts once more" docker start node
leaves node 10007
ends 10007 docker rm -f node
echo 0 >$allow

claim "$engine, CDI: control: without the specification no container is started" \
	gives 125 run_container --device spawnctl/device=all localhost/box true
claim "make install-cdi" install_cdi
device_in cdi CDI --device spawnctl/device=all
leaves cdi 10008
ends 10008 docker stop -t 1 cdi

# The limit is set inside the container, as the descriptor is opened there
fork_killed "--device, allow_filtered=1, 13 children" --device /dev/spawnctl localhost/box \
	spawnctl limit --children=13 -- dash /tight
echo 0 >$allow

unload
finish
