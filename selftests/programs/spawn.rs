// SPDX-License-Identifier: GPL-2.0
// spawn COUNT: std::process::Command, by posix_spawn() and by fork().
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn show(name: &str, command: &mut Command) {
    match command.stdin(Stdio::null()).output() {
        Ok(o) => println!(
            "{}: {:?} {:?} {:?}",
            name,
            o.status.code(),
            String::from_utf8_lossy(&o.stdout),
            String::from_utf8_lossy(&o.stderr)
        ),
        Err(e) => println!("{}: {} {:?}", name, e, e.raw_os_error()),
    }
}

fn main() {
    let count: usize = std::env::args().nth(1).map_or(1, |n| n.parse().unwrap());
    for _ in 0..count {
        show("plain", Command::new("echo").arg("hello"));
        show("status", Command::new("/bin/sh").args(["-c", "echo err >&2; exit 3"]));
        show("env", Command::new("/bin/sh").args(["-c", "echo $A"]).env("A", "b"));
        show("missing", &mut Command::new("/none"));
        show("descriptors", Command::new("ls").arg("/proc/self/fd"));
        show("signals", Command::new("grep").args(["^Sig", "/proc/self/status"]));
        show("directory", Command::new("/bin/pwd").current_dir("/usr"));
        unsafe {
            show("by fork", Command::new("/bin/pwd").pre_exec(|| Ok(())));
        }
    }
}
