// SPDX-License-Identifier: GPL-2.0
//! edges WHAT: what the recipe does in cases that the demo does not show. It is compiled in a
//! directory of the recipe's:
//!
//!     $ rustc --edition 2021 -O -o edges edges.rs $(pkg-config --libs-only-L spawnctl)

#[allow(dead_code)] // not all of it is used here
#[path = "../spawnctl.rs"]
mod spawnctl;

use spawnctl::{Child, Command, Stdio};
use std::error::Error;
use std::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use std::io::{self, ErrorKind, Read};
use std::thread::yield_now;
use std::time::Duration;
use std::{env, ptr};

const SYS_CLONE3: c_long = 435;
const ECHILD: Option<i32> = Some(10);
const SIGUSR1: c_int = 10;
const SIGCHLD: c_int = 17;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
const A_DAY: Duration = Duration::from_secs(24 * 3600);

extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn wait(status: *mut c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn alarm(seconds: c_uint) -> c_uint;
    fn pause() -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn ppoll(fds: *mut c_void, n: c_ulong, time: *const [c_long; 2], mask: *const c_void) -> c_int;
}

/// Takes the place of libc's. A time of more than a day is over at once.
#[no_mangle]
extern "C" fn poll(fds: *mut c_void, n: c_ulong, timeout: c_int) -> c_int {
    let ms = if timeout > 24 * 3600 * 1000 { 1 } else { timeout as c_long };
    let time = [ms / 1000, ms % 1000 * 1_000_000];
    unsafe { ppoll(fds, n, if ms < 0 { ptr::null() } else { &time }, ptr::null()) }
}

fn wait_for_any() -> (c_int, c_int) {
    let mut status = -1;
    (unsafe { wait(&mut status) }, status)
}

/// A process with this pid, which the first signal ends
fn start_as(pid: c_int) {
    let pids = [pid];
    // struct clone_args: exit_signal, set_tid, set_tid_size; as fork() otherwise
    let args = [0, 0, 0, 0, SIGCHLD as u64, 0, 0, 0, pids.as_ptr() as u64, 1, 0];
    loop {
        match unsafe { syscall(SYS_CLONE3, args.as_ptr(), size_of_val(&args)) } {
            // The process that had the pid is about to be removed
            -1 if io::Error::last_os_error().kind() == ErrorKind::AlreadyExists => yield_now(),
            -1 => panic!("clone3: {}", io::Error::last_os_error()),
            0 => unsafe {
                alarm(20);
                loop {
                    pause();
                }
            },
            _ => break,
        }
    }
}

/// The status of the child is lost, and its pid becomes that of another process.
fn lost(mut child: Child, pid: c_int) {
    start_as(pid);
    for _ in 0..2 {
        child.kill();
        assert_eq!(child.wait_timeout(30 * A_DAY).unwrap_err().raw_os_error(), ECHILD);
        assert_eq!(child.wait().unwrap_err().raw_os_error(), ECHILD);
    }
    drop(child);
    unsafe { kill(pid, SIGUSR1) };
    assert_eq!(wait_for_any(), (pid, SIGUSR1), "the other process was not left alone");
}

fn reaped() -> io::Result<()> {
    let child = Command::new("true").spawn()?;
    let (pid, _) = wait_for_any();
    lost(child, pid);
    Ok(())
}

fn ignored() -> io::Result<()> {
    unsafe { signal(SIGCHLD, SIG_IGN) };
    let command = Command::new("sh").arg("-c").arg("echo $$").stream(1, Stdio::Piped);
    let (mut child, mut text) = (command.spawn()?, String::new());
    child.stdout.take().unwrap().read_to_string(&mut text)?;
    assert_eq!(child.wait().unwrap_err().raw_os_error(), ECHILD);
    unsafe { signal(SIGCHLD, SIG_DFL) };
    lost(child, text.trim().parse().unwrap());
    Ok(())
}

/// The statuses are those of std.
fn status() -> io::Result<()> {
    let directory = env::temp_dir().join(format!("edges-{}", std::process::id()));
    std::fs::create_dir(&directory)?; // for a core
    for end in ["exit 7", "kill $$", "ulimit -c unlimited; kill -ABRT $$"] {
        let mut standard = std::process::Command::new("sh");
        let standard = standard.args(["-c", end]).current_dir(&directory).status()?;
        let mut child = Command::new("sh").arg("-c").arg(end).current_dir(&directory).spawn()?;
        assert_eq!(child.wait()?, standard, "{end}");
        child.kill();
        assert_eq!(child.wait_timeout(Duration::ZERO)?, Some(standard), "{end}");
        println!("{end}: {standard}");
    }
    std::fs::remove_dir_all(directory)
}

fn twice() -> io::Result<()> {
    env::set_var("A", "the caller's");
    let command = Command::new("env").env("A", "old").env("B", "").env("A", "new");
    let (mut child, mut text) = (command.stream(1, Stdio::Piped).spawn()?, String::new());
    child.stdout.take().unwrap().read_to_string(&mut text)?;
    assert!(text == "A=new\nB=\n" || text == "B=\nA=new\n", "{text}");
    child.wait().map(drop)
}

fn path() -> io::Result<()> {
    assert!(Command::new("true").env("PATH", "/none").spawn().is_err(), "found in the caller's");
    env::set_var("PATH", "/none");
    Command::new("true").env("PATH", "/none:/usr/bin").spawn()?.wait()?;
    Command::new("true").env("A", "b").spawn()?.wait()?; // in /bin:/usr/bin
    assert!(Command::new("true").spawn().is_err(), "not searched in the caller's");
    Ok(())
}

fn errno() -> io::Result<()> {
    let start = || -> io::Result<Child> { Ok(Command::new("/none").spawn()?) };
    let error = start().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("exec: "), "{error}");
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(source.and_then(|source| source.raw_os_error()), Some(2));
    Ok(())
}

fn name() -> io::Result<()> {
    for name in ["", "=", "A=", "A=B", "A\0"] {
        let error = Command::new("true").env(name, "b").spawn().err();
        let error = error.unwrap_or_else(|| panic!("{name:?} is accepted"));
        assert_eq!((error.source.kind(), &*error.step), (ErrorKind::InvalidInput, "arguments"));
    }
    Command::new("true").env("A", "=b=").spawn()?.wait()?;
    Ok(())
}

/// Longer than a poll() can be, or than an Instant can tell
fn long(timeout: Duration) -> io::Result<()> {
    let mut child = Command::new("sleep").arg("0.3").spawn()?;
    assert!(child.wait_timeout(Duration::from_nanos(1))?.is_none());
    assert!(child.wait_timeout(timeout)?.is_some(), "None before the time is over");
    Ok(())
}

fn main() -> io::Result<()> {
    match env::args().nth(1).as_deref() {
        Some("reaped") => reaped(),
        Some("status") => status(),
        Some("ignored") => ignored(),
        Some("twice") => twice(),
        Some("path") => path(),
        Some("errno") => errno(),
        Some("name") => name(),
        Some("long") => long(30 * A_DAY),
        Some("unlimited") => long(Duration::MAX),
        what => panic!("{what:?}"),
    }
}
