# SPDX-License-Identifier: GPL-2.0
# store.py CHILDREN: for ExecStartPre=+ of a service that runs under a filter. This program
# runs under none. It marks a descriptor of /dev/spawnctl and stores it with the service
# manager, which passes it to the service under the name spawnctl.
import fcntl, os, socket, struct, sys

SPAWNCTL_IOC_LIMIT = 0xEA03
COMMANDS, CHILDREN, FILTERED = 1 << 0, 1 << 2, 1 << 5
SPAWN = 1 << 1

device = os.open("/dev/spawnctl", os.O_RDWR)
limit = struct.pack("IIIIQ", 24, COMMANDS | CHILDREN | FILTERED, SPAWN, 0, int(sys.argv[1]))
fcntl.ioctl(device, SPAWNCTL_IOC_LIMIT, limit)
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.connect(os.environ["NOTIFY_SOCKET"])
socket.send_fds(manager, [b"FDSTORE=1\nFDNAME=spawnctl"], [device])
# Wait until systemd has read the message: it cannot attribute one from a process that is gone
read, write = os.pipe()
socket.send_fds(manager, [b"BARRIER=1"], [write])
os.close(write)
os.read(read, 1)
