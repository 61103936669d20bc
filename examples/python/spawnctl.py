# SPDX-License-Identifier: GPL-2.0
"""subprocess.Popen by libspawnctl: pipes, a timeout, and an exception that names the failed step.

Nothing is compiled: ctypes loads libspawnctl.so.0 from where the dynamic linker finds it. ctypes
releases the interpreter's lock during a call, so other threads run while a child comes to its exec.

    Popen                            libspawnctl
    args, env, PATH of env           argv, envp, spawnctl_spawnp_result() with spawnctl_attr_setpath()
    stdin, stdout, stderr            spawnctl_file_actions_adddup2()
    cwd                              spawnctl_file_actions_addchdir()
    close_fds=True                   spawnctl_file_actions_addclosefrom(3), the last action
    restore_signals=True             spawnctl_attr_setsigdefault(): SIGPIPE, SIGXFSZ
    backend (no option of Popen)     spawnctl_attr_setbackend()

docs/runtimes.md has all options of subprocess.Popen().
"""
import contextlib
import ctypes
import fcntl
import math
import os
import select
import selectors
import signal
import subprocess
import threading
import time
from ctypes import byref, c_char_p, c_int, c_uint, c_void_p
from subprocess import DEVNULL, PIPE, STDOUT

BACKENDS = ("any", "device", "clone3", "clone")     # enum spawnctl_backend
SETSIGDEF, PIDFD = 0x04, 0x100000                   # SPAWNCTL_SPAWN_*
_DAY = 86400                # epoll and poll() do not take more than 24 days


class _Result(ctypes.Structure):
    _fields_ = [(name, c_int) for name in "size error pid pidfd step action".split()]


_library = ctypes.CDLL("libspawnctl.so.0")
_library.spawnctl_step_name.restype = c_char_p


def _check(function, *arguments):
    """Calls a function that returns an error number. Pointers are passed as c_void_p."""
    error = getattr(_library, "spawnctl_" + function)(*arguments)
    if error:
        raise SpawnError(error, function)


class SpawnError(OSError):
    """A spawn that failed. step: where; also an instance of what OSError becomes for this errno, so
    that "except FileNotFoundError" works as with subprocess."""

    def __new__(cls, error, step, filename=None):
        kind = type(OSError(error, ""))
        if not issubclass(cls, kind):
            cls = type(cls.__name__, (cls, kind), {"__module__": cls.__module__})
        return super().__new__(cls, error, os.strerror(error), filename)

    def __init__(self, error, step, filename=None):
        super().__init__(error, os.strerror(error), filename)
        self.step = step

    def __str__(self):
        return f"{self.step}: {super().__str__()}"


def _text(value):
    data = os.fsencode(value)
    if b"\0" in data:
        raise ValueError("embedded null byte")      # C would use what is before it
    return data


def _array(texts):
    return (c_char_p * (len(texts) + 1))(*texts, None)


class Popen:
    """Starts a program; returns when it is executed. Raises SpawnError. The object owns the pipes and
    the pidfd: "with" closes them and waits. An object that is dropped leaves its child running.
    stdin has a buffer: flush(). returncode is 255, as in asyncio (Popen: 0), if the child was reaped
    by another part of the program, or by the kernel because SIGCHLD is ignored."""

    def __init__(self, args, *, env=None, stdin=None, stdout=None, stderr=None, cwd=None,
                 close_fds=True, restore_signals=True, backend="any"):
        self._pidfd = -1
        self.args, self.returncode = args, None
        self.stdin = self.stdout = self.stderr = None
        self._input, self._sent, self._output = None, 0, {}
        # While a thread holds this lock and returncode is None, no other closes the pidfd. A signal
        # handler that calls a method can interrupt the thread that holds it, hence RLock.
        self._lock = threading.RLock()
        argv = [_text(arg) for arg in args]
        pairs = [tuple(map(_text, pair)) for pair in (os.environb if env is None else env).items()]
        if env is not None and any(not name or b"=" in name for name, _ in pairs):
            raise ValueError("illegal environment variable name")   # A=B would set A
        envp = [b"=".join(pair) for pair in pairs]
        path = _text(os.pathsep.join(os.get_exec_path(env)))
        with contextlib.ExitStack() as child, contextlib.ExitStack() as ours:
            # child: what is closed, or freed, in each case; ours: if the spawn fails
            attr = self._object(child, "attr")
            actions, names = self._object(child, "file_actions"), []

            def act(name, *arguments):
                _check(f"file_actions_add{name}", actions, *arguments)
                names.append(name)

            ends = [self._end(n, what, child, ours) for n, what in enumerate((stdin, stdout, stderr))]
            for n, fd in enumerate(ends):
                if fd is not None:
                    act("dup2", fd, n)
            if stderr == STDOUT:
                act("dup2", 1, 2)
            if cwd is not None:
                act("chdir", _text(cwd))
            if close_fds:
                act("closefrom", 3)
            _check("attr_setflags", attr, c_uint(PIDFD | (SETSIGDEF if restore_signals else 0)))
            # sigset_t: 128 bytes, one bit per signal (on the little-endian machines that it supports)
            mask = sum(1 << number - 1 for number in (signal.SIGPIPE, signal.SIGXFSZ))
            _check("attr_setsigdefault", attr, mask.to_bytes(128, "little"))
            _check("attr_setpath", attr, path)
            _check("attr_setbackend", attr, BACKENDS.index(backend))
            chosen, result = c_int(), _Result(size=ctypes.sizeof(_Result))
            _check("get_backend", attr, byref(chosen))
            error = _library.spawnctl_spawnp_result(
                byref(result), argv[0], actions, attr, _array(argv), _array(envp))
            if error:
                # An action is known by its index only
                step = names[result.action] if result.action >= 0 else (
                    _library.spawnctl_step_name(result.step).decode())
                raise SpawnError(error, step, cwd if step == "chdir" else args[0])
            ours.pop_all()
        self.pid, self._pidfd, self.backend = result.pid, result.pidfd, BACKENDS[chosen.value]

    @staticmethod
    def _object(stack, kind):
        pointer = c_void_p()
        _check(f"{kind}_init", byref(pointer))
        stack.callback(getattr(_library, f"spawnctl_{kind}_destroy"), pointer)
        return pointer

    def _end(self, n, what, child, ours):
        """The child's end of a stream: a copy from number 3 on, as an adddup2() onto 0 to 2 could
        replace what a later one needs."""
        if what is None or what == STDOUT:
            return None
        with contextlib.ExitStack() as stack:
            if what == PIPE:
                pair = os.pipe()
                fd, own = pair if n == 0 else pair[::-1]
                stack.callback(os.close, fd)
                stream = open(own, "wb" if n == 0 else "rb")
                ours.callback(stream.close)
                setattr(self, ("stdin", "stdout", "stderr")[n], stream)
            elif what == DEVNULL:
                fd = os.open(os.devnull, os.O_RDWR)
                stack.callback(os.close, fd)
            else:
                fd = what if isinstance(what, int) else what.fileno()
            copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
            child.callback(os.close, copy)
            return copy

    def _ended(self, seconds):
        ended = select.poll()
        ended.register(self._pidfd, select.POLLIN)
        return ended.poll(min(seconds, _DAY) * 1000)

    def poll(self):
        """The exit status, negative for a signal; None while the program runs."""
        with self._lock:
            if self.returncode is None and self._ended(0):
                try:
                    # WNOWAIT: a signal handler that calls poll() between waitid() and the assignment
                    # must find the status, too
                    info = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    if info:                            # None: a debugger has not released it yet
                        exited = info.si_code == os.CLD_EXITED
                        self.returncode = info.si_status if exited else -info.si_status
                        os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
                except ChildProcessError:
                    if self.returncode is None:
                        self.returncode = 255
        return self.returncode

    def wait(self, timeout=None):
        """As poll(), but waits. subprocess.TimeoutExpired: the program still runs."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            left = end - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self._ended(left)
        return self.returncode

    def communicate(self, data=b"", timeout=None):
        """Writes stdin and reads stdout and stderr at once, so that no full pipe stops both sides;
        then waits. Returns what was read, None for a stream that is no pipe. After TimeoutExpired, a
        call without data continues, and also returns what was read before."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        if data and self._input is not None:
            raise ValueError("Cannot send input after starting communication")
        view = memoryview(data if self._input is None else self._input).cast("B")
        self._input = view.obj
        with selectors.DefaultSelector() as selector:
            if self.stdin and not self.stdin.closed:
                with contextlib.suppress(BrokenPipeError):
                    self.stdin.flush()
                selector.register(self.stdin, selectors.EVENT_WRITE)
            for stream in filter(None, (self.stdout, self.stderr)):
                self._output.setdefault(stream, [])
                if not stream.closed:
                    selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left = end - time.monotonic()
                if left <= 0:
                    raise subprocess.TimeoutExpired(self.args, timeout)
                for key, _ in selector.select(min(left, _DAY)):
                    stream = key.fileobj
                    try:
                        if stream is self.stdin:
                            # A pipe that is ready takes PIPE_BUF bytes without blocking
                            self._sent += os.write(key.fd, view[self._sent:][:select.PIPE_BUF])
                            over = self._sent == len(view)
                        else:
                            part = stream.read1(1 << 16)    # first what readline() has read ahead
                            self._output[stream].append(part)
                            over = not part
                    except BrokenPipeError:
                        over = True
                    if over:
                        selector.unregister(stream)
                        with contextlib.suppress(BrokenPipeError):  # what stdin has buffered
                            stream.close()
        self.wait(end - time.monotonic())
        return tuple(b"".join(self._output[s]) if s else None for s in (self.stdout, self.stderr))

    def send_signal(self, number):
        with self._lock, contextlib.suppress(ProcessLookupError):   # another part has reaped it
            if self.returncode is None:
                signal.pidfd_send_signal(self._pidfd, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _close(self):
        fd, self._pidfd = self._pidfd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = _close

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        # stdin last: a child that blocks on a full stdout would not read what close() writes
        for stream in filter(None, (self.stdout, self.stderr, self.stdin)):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self.wait()
        self._close()
