// SPDX-License-Identifier: GPL-2.0
//! std::process::Command by libspawnctl, with an error that names the failed step. It needs only
//! std and the C library. A module; demo.rs uses it:
//!
//!     $ rustc --edition 2021 -O -o demo demo.rs $(pkg-config --libs-only-L spawnctl)
//!
//! | std::process::Command     | libspawnctl                                            |
//! | ------------------------- | ------------------------------------------------------ |
//! | new, arg, env             | argv, envp: spawnctl_spawnp_result()                   |
//! | PATH changed by env       | spawnctl_attr_setpath()                                |
//! | stdin, stdout, stderr     | spawnctl_file_actions_adddup2()                        |
//! | current_dir               | spawnctl_file_actions_addchdir()                       |
//! | none: all close-on-exec   | spawnctl_file_actions_addclosefrom(3), the last action |
//! | always: SIGPIPE           | spawnctl_attr_setsigdefault()                          |
//! | create_pidfd              | always: SPAWNCTL_SPAWN_PIDFD                           |
//! | none                      | backend(): spawnctl_attr_setbackend()                  |
//!
//! docs/runtimes.md has all options of std::process::Command.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_long, c_short, c_uint, c_ulong, c_void, CStr, CString, OsStr};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::{ffi::OsStrExt, process::ExitStatusExt};
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use std::{fmt, io, mem, ptr};

const SETSIGDEF: c_uint = 0x04; // SPAWNCTL_SPAWN_*
const PIDFD: c_uint = 0x10_0000;
const SYS_PIDFD_SEND_SIGNAL: c_long = 424;
const P_PIDFD: c_int = 3;
const WEXITED: c_int = 4;
const SIGKILL: c_int = 9;
const SIGPIPE: c_int = 13;
const POLLIN: c_short = 1;
const O_CLOEXEC: c_int = 0o2000000;

#[repr(C)]
struct SpawnResult {
    size: c_uint,
    error: c_int,
    pid: c_int,
    pidfd: c_int,
    step: c_int,
    action: c_int,
}

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

/// siginfo_t of waitid(2), which has 128 bytes
#[repr(C)]
struct SigInfo {
    signo_errno_code: [c_int; 3],
    aligned: [c_ulong; 0],
    pid_uid_status: [c_int; 29],
}

type Strings = *const *const c_char;

#[link(name = "spawnctl")]
extern "C" {
    fn spawnctl_file_actions_init(actions: *mut *mut c_void) -> c_int;
    fn spawnctl_file_actions_destroy(actions: *mut c_void) -> c_int;
    fn spawnctl_file_actions_adddup2(actions: *mut c_void, fd: c_int, target: c_int) -> c_int;
    fn spawnctl_file_actions_addchdir(actions: *mut c_void, path: *const c_char) -> c_int;
    fn spawnctl_file_actions_addclosefrom(actions: *mut c_void, from: c_int) -> c_int;
    fn spawnctl_attr_init(attr: *mut *mut c_void) -> c_int;
    fn spawnctl_attr_destroy(attr: *mut c_void) -> c_int;
    fn spawnctl_attr_setflags(attr: *mut c_void, flags: c_uint) -> c_int;
    fn spawnctl_attr_setsigdefault(attr: *mut c_void, set: *const SigSet) -> c_int;
    fn spawnctl_attr_setpath(attr: *mut c_void, path: *const c_char) -> c_int;
    fn spawnctl_attr_setbackend(attr: *mut c_void, backend: Backend) -> c_int;
    fn spawnctl_get_backend(attr: *const c_void, backend: *mut Backend) -> c_int;
    fn spawnctl_step_name(step: c_int) -> *const c_char;
    fn spawnctl_spawnp_result(
        result: *mut SpawnResult,
        file: *const c_char,
        actions: *const c_void,
        attr: *const c_void,
        argv: Strings,
        envp: Strings,
    ) -> c_int;
    // Of the C library, which std is linked with
    static environ: Strings;
    fn pipe2(pair: *mut c_int, flags: c_int) -> c_int;
    fn poll(fds: *mut PollFd, n: c_ulong, timeout: c_int) -> c_int;
    fn waitid(id_type: c_int, id: c_uint, info: *mut SigInfo, options: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

/// glibc's sigset_t: 128 bytes
type SigSet = [c_ulong; 128 / mem::size_of::<c_ulong>()];

/// enum spawnctl_backend
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backend {
    Any,
    Device,
    Clone3,
    Clone,
}

/// Why there is no child. `step` is the name of an action, or of an enum spawnctl_step.
#[derive(Debug)]
pub struct Error {
    pub step: String,
    pub source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// With the step in the text. The errno is that of the io::Error which source() returns.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::new(error.source.kind(), error)
    }
}

fn at(step: &str) -> impl Fn(io::Error) -> Error + '_ {
    move |source| Error { step: step.into(), source }
}

fn check(step: &str, number: c_int) -> Result<(), Error> {
    match number {
        0 => Ok(()),
        _ => Err(at(step)(io::Error::from_raw_os_error(number))),
    }
}

/// What init() allocates, and destroy() frees
struct Object(*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int);

impl Drop for Object {
    fn drop(&mut self) {
        unsafe { (self.1)(self.0) };
    }
}

pub enum Stdio {
    Inherit,
    Null,
    Piped,
    Fd(OwnedFd),
}

pub struct Command {
    args: Vec<Vec<u8>>,
    env: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
    directory: Option<Vec<u8>>,
    streams: [Stdio; 3],
    backend: Backend,
}

fn c_string(bytes: &[u8]) -> Result<CString, Error> {
    // An error for a null byte, at which C would end the string
    CString::new(bytes).map_err(|e| at("arguments")(e.into()))
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
}

impl Command {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let streams = [Stdio::Inherit, Stdio::Inherit, Stdio::Inherit];
        Command { args: vec![], env: None, directory: None, streams, backend: Backend::Any }
            .arg(program)
    }

    pub fn arg(mut self, text: impl AsRef<OsStr>) -> Self {
        self.args.push(text.as_ref().as_bytes().into());
        self
    }

    /// Without a call of env() the child inherits the environment; the first call empties it. The
    /// program is searched for in the PATH of the child, or in /bin:/usr/bin if it has none.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        // A map: with two entries of a name, getenv() in the child would return the first
        let env = self.env.get_or_insert_with(BTreeMap::new);
        env.insert(name.into(), value.as_ref().as_bytes().into());
        self
    }

    pub fn current_dir(mut self, path: impl AsRef<OsStr>) -> Self {
        self.directory = Some(path.as_ref().as_bytes().into());
        self
    }

    /// The child's descriptor 0, 1 or 2
    pub fn stream(mut self, target: usize, stdio: Stdio) -> Self {
        self.streams[target] = stdio;
        self
    }

    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Returns when the program is executed.
    pub fn spawn(self) -> Result<Child, Error> {
        let argv = self.args.iter().map(|s| c_string(s)).collect::<Result<Vec<_>, _>>()?;
        let mut env = vec![];
        for (name, value) in self.env.iter().flatten() {
            // The child would see another name, or no variable
            if name.is_empty() || name.contains(&b'=') {
                return Err(at("arguments")(io::ErrorKind::InvalidInput.into()));
            }
            env.push(c_string(&[name, &b"="[..], value].concat())?);
        }
        let directory = self.directory.as_deref().map(c_string).transpose()?;
        let mut pipes = [None, None, None];
        let (mut ends, mut names) = (vec![], vec![]);

        let mut actions = Object(ptr::null_mut(), spawnctl_file_actions_destroy);
        check("actions", unsafe { spawnctl_file_actions_init(&mut actions.0) })?;
        let mut attr = Object(ptr::null_mut(), spawnctl_attr_destroy);
        check("attr", unsafe { spawnctl_attr_init(&mut attr.0) })?;

        for (target, stdio) in self.streams.into_iter().enumerate() {
            let end = match stdio {
                Stdio::Inherit => continue,
                Stdio::Null => {
                    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
                    null.map_err(at("open"))?.into()
                }
                Stdio::Fd(fd) => fd,
                Stdio::Piped => {
                    let (read, write) = pipe().map_err(at("pipe"))?;
                    let (own, end) = if target == 0 { (write, read) } else { (read, write) };
                    pipes[target] = Some(File::from(own));
                    end
                }
            };
            // try_clone() returns 3 or more: dup2 onto 0 to 2 could replace what a later one needs
            let end = end.try_clone().map_err(at("dup"))?;
            let (fd, target) = (end.as_raw_fd(), target as c_int);
            check("dup2", unsafe { spawnctl_file_actions_adddup2(actions.0, fd, target) })?;
            names.push("dup2");
            ends.push(end);
        }
        if let Some(path) = directory {
            check("chdir", unsafe { spawnctl_file_actions_addchdir(actions.0, path.as_ptr()) })?;
            names.push("chdir");
        }
        check("closefrom", unsafe { spawnctl_file_actions_addclosefrom(actions.0, 3) })?;
        names.push("closefrom");

        // The runtime of Rust ignores SIGPIPE
        let mut set: SigSet = [0; mem::size_of::<SigSet>() / mem::size_of::<c_ulong>()];
        set[0] = 1 << (SIGPIPE - 1);
        check("attr", unsafe { spawnctl_attr_setflags(attr.0, SETSIGDEF | PIDFD) })?;
        check("attr", unsafe { spawnctl_attr_setsigdefault(attr.0, &set) })?;
        check("attr", unsafe { spawnctl_attr_setbackend(attr.0, self.backend) })?;
        if let Some(env) = &self.env {
            let path = c_string(env.get(&b"PATH"[..]).map_or(b"/bin:/usr/bin", |path| path))?;
            check("attr", unsafe { spawnctl_attr_setpath(attr.0, path.as_ptr()) })?;
        }
        let mut backend = Backend::Any;
        check("backend", unsafe { spawnctl_get_backend(attr.0, &mut backend) })?;

        let mut result: SpawnResult = unsafe { mem::zeroed() };
        result.size = mem::size_of::<SpawnResult>() as c_uint;
        let (args, envp) = (pointers(&argv), pointers(&env));
        let error = unsafe {
            let envp = if self.env.is_some() { envp.as_ptr() } else { environ };
            let (file, argv) = (args[0], args.as_ptr());
            spawnctl_spawnp_result(&mut result, file, actions.0, attr.0, argv, envp)
        };
        if error != 0 {
            // An action is known by its index only
            let name = unsafe { CStr::from_ptr(spawnctl_step_name(result.step)) }.to_string_lossy();
            check(names.get(result.action as usize).copied().unwrap_or(&name), error)?;
        }
        let pidfd = unsafe { OwnedFd::from_raw_fd(result.pidfd) };
        let [stdin, stdout, stderr] = pipes;
        Ok(Child { stdin, stdout, stderr, backend, pidfd, status: None })
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut pair = [-1; 2];
    if unsafe { pipe2(pair.as_mut_ptr(), O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(unsafe { (OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1])) })
}

/// As std's, a child that is dropped continues to run, and its zombie stays. If SIGCHLD is ignored,
/// or something else has waited for the child, each wait for its end returns ECHILD. Its pid can
/// then be that of another process, which the pidfd never refers to.
pub struct Child {
    pub stdin: Option<File>,
    pub stdout: Option<File>,
    pub stderr: Option<File>,
    pub backend: Backend,
    pidfd: OwnedFd,
    status: Option<ExitStatus>,
}

impl Child {
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        Ok(self.wait_timeout(Duration::MAX)?.expect("there is no limit"))
    }

    /// None: the program still runs. A pidfd is readable when its process has ended.
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let end = Instant::now().checked_add(timeout); // None: too far away to be a limit
        while self.status.is_none() {
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            // poll() takes an int, so it can time out before the end
            let time = left.as_nanos().div_ceil(1_000_000).min(1 << 30) as c_int;
            let mut ended = PollFd { fd: self.pidfd.as_raw_fd(), events: POLLIN, revents: 0 };
            let mut info: SigInfo = unsafe { mem::zeroed() };
            match unsafe { poll(&mut ended, 1, time) } {
                0 if left.is_zero() => return Ok(None),
                0 => continue,
                1 if unsafe { waitid(P_PIDFD, ended.fd as c_uint, &mut info, WEXITED) } == 0 => {
                    let status = info.pid_uid_status[2];
                    self.status = Some(ExitStatus::from_raw(match info.signo_errno_code[2] {
                        1 => status << 8,   // CLD_EXITED
                        3 => status | 0x80, // CLD_DUMPED
                        _ => status,
                    }));
                    continue;
                }
                _ => {}
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(self.status)
    }

    /// Does nothing if the child has been waited for.
    pub fn kill(&mut self) {
        let (fd, info) = (self.pidfd.as_raw_fd(), ptr::null::<SigInfo>());
        unsafe { syscall(SYS_PIDFD_SEND_SIGNAL, fd, SIGKILL, info, 0) };
    }
}
