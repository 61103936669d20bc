# SPDX-License-Identifier: GPL-2.0
# python.py COUNT: every way that CPython has to start a program, COUNT times
# each. The output does not depend on how the processes are made.
import asyncio, os, signal, subprocess, sys, threading

count = int(sys.argv[1])


def status_lines():
    """A child's signal state and privileges, as the kernel shows them"""
    keep = ("Sig", "Shd", "NoNewPrivs", "Uid", "Gid")
    with open("/proc/self/status") as f:
        return [line.strip() for line in f if line.startswith(keep)]


def fds():
    # One of them is the directory's own
    return sorted(os.listdir("/proc/self/fd"), key=int)


def each(name, fn):
    seen = {}
    for i in range(count):
        got = fn(i)
        seen[got] = seen.get(got, 0) + 1
    print(name, seen)


def run(args, **kw):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    return (p.returncode, p.stdout)


def failure(fn):
    try:
        fn()
    except OSError as e:
        return (type(e).__name__, e.errno, e.filename)
    return "no error"


def spawn(function, path, args, **kw):
    r, w = os.pipe()
    kw.setdefault("file_actions", [])
    kw["file_actions"] = [(os.POSIX_SPAWN_DUP2, w, 1)] + kw["file_actions"]
    pid = function(path, args, dict(os.environ, X="1"), **kw)
    os.close(w)
    out = b""
    while data := os.read(r, 65536):
        out += data
    os.close(r)
    return (os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out)


report = ["/bin/grep", "-E", "^(Sig|Shd|NoNew|Uid|Gid)", "/proc/self/status"]
listing = ["/bin/ls", "/proc/self/fd"]
before = fds()

each("run", lambda i: run(["/bin/echo", str(i % 3)]))
each("run by name", lambda i: run(["echo", str(i % 3)]))
each("run, close_fds=False", lambda i: run(["/bin/echo", str(i % 3)], close_fds=False))
each("shell", lambda i: run("echo $((1 + 1)); exit 3", shell=True))
each("cwd, env", lambda i: run(["/bin/sh", "-c", "pwd; echo $A"], cwd="/usr", env={"A": "b"}))
each("new session", lambda i: run(["/bin/sh", "-c",
     "read p c s pp g sid r </proc/$$/stat; [ $sid = $$ ]"], start_new_session=True))
if sys.version_info >= (3, 11):
    each("new group", lambda i: run(["/bin/sh", "-c",
         "read p c s pp g sid r </proc/$$/stat; [ $g = $$ ]"], process_group=0))
each("pass_fds", lambda i: run(listing, pass_fds=(0,)))
each("preexec_fn", lambda i: run(["/bin/pwd"], preexec_fn=lambda: os.chdir("/tmp")))
each("user", lambda i: run(report, user=65534, group=65534, extra_groups=[]))
each("signals", lambda i: run(report))
each("signals kept", lambda i: run(report, restore_signals=False))
each("no such file", lambda i: failure(lambda: run(["/none"])))
each("no such name", lambda i: failure(lambda: run(["no-such-program"])))
each("no such cwd", lambda i: failure(lambda: run(["/bin/true"], cwd="/none")))
each("not executable", lambda i: failure(lambda: run(["/etc/passwd"])))
each("not executable, close_fds=False",
     lambda i: failure(lambda: run(["/etc/passwd"], close_fds=False)))

each("posix_spawn", lambda i: spawn(os.posix_spawn, "/bin/echo", ["echo", "hello"]))
each("posix_spawnp", lambda i: spawn(os.posix_spawnp, "echo", ["echo", "hello"]))
each("posix_spawn, actions", lambda i: spawn(
    os.posix_spawn, "/bin/sh", ["sh", "-c", "cat; ls /proc/self/fd; echo err >&2"],
    file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/etc/hostname", os.O_RDONLY, 0),
                  (os.POSIX_SPAWN_DUP2, 1, 2), (os.POSIX_SPAWN_CLOSE, 77)]))
each("posix_spawn, signals", lambda i: spawn(
    os.posix_spawn, report[0], report, setsigmask=[signal.SIGUSR1, signal.SIGRTMAX],
    setsigdef=[signal.SIGPIPE, signal.SIGXFSZ], resetids=True))
each("posix_spawn, group", lambda i: spawn(
    os.posix_spawn, "/bin/sh", ["sh", "-c", "read p c s pp g sid r </proc/$$/stat; [ $g = $$ ]"],
    setpgroup=0))
each("posix_spawn, session", lambda i: spawn(
    os.posix_spawn, "/bin/sh", ["sh", "-c", "read p c s pp g sid r </proc/$$/stat; [ $sid = $$ ]"],
    setsid=True))
each("posix_spawn, scheduler", lambda i: spawn(
    os.posix_spawn, "/bin/true", ["true"], scheduler=(os.SCHED_OTHER, os.sched_param(0))))
each("posix_spawn, no such file", lambda i: failure(
    lambda: spawn(os.posix_spawn, "/none", ["none"])))
each("posix_spawn, failing action", lambda i: failure(lambda: spawn(
    os.posix_spawn, "/bin/true", ["true"],
    file_actions=[(os.POSIX_SPAWN_OPEN, 5, "/none/x", os.O_RDONLY, 0)])))
each("system", lambda i: os.system("exit 5"))
each("popen", lambda i: os.popen("echo popen").read())


async def several():
    async def one(i):
        p = await asyncio.create_subprocess_exec("/bin/cat", stdin=subprocess.PIPE,
                                                 stdout=subprocess.PIPE)
        out, _ = await p.communicate(b"%d" % i)
        return (p.returncode, out)
    for start in range(0, count, 10):
        got = await asyncio.gather(*[one(i) for i in range(10)])
        assert got == [(0, b"%d" % i) for i in range(10)], got

asyncio.run(several())
print("asyncio passed")

wrong = []


def thread(t):
    for i in range(max(count // 8, 1)):
        got = run(["/bin/echo", str(t)], close_fds=bool(i % 2))
        if got != (0, b"%d\n" % t):
            wrong.append(got)


threads = [threading.Thread(target=thread, args=(t,)) for t in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("threads", wrong)

# Nothing is left behind
print("descriptors", fds() == before or (before, fds()))
print(status_lines()[:-1])
try:
    os.waitpid(-1, os.WNOHANG)
    print("a child is left")
except ChildProcessError:
    print("no child is left")
