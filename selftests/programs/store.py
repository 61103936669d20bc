# SPDX-License-Identifier: GPL-2.0
# store.py CHILDREN: for ExecStartPre=+ of a service under a filter, which is under none
# itself: leaves a marked descriptor of /dev/spawnctl with the service manager, which
# gives it to the service by the name of spawnctl.
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
# Not to end before it has been read: who had sent it could not be told
read, write = os.pipe()
socket.send_fds(manager, [b"BARRIER=1"], [write])
os.close(write)
os.read(read, 1)
