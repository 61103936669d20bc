// SPDX-License-Identifier: GPL-2.0
//! demo [device]: what a program does with the module spawnctl.rs, which has the command that
//! compiles both.

#[allow(dead_code)] // not all of it is used here
mod spawnctl;

use spawnctl::{Backend, Command, Stdio};
use std::io::{Read, Write};
use std::time::Duration;

fn failure(command: Command) -> String {
    match command.stream(0, Stdio::Piped).stream(1, Stdio::Piped).spawn() {
        Err(error) => match error.source.raw_os_error() {
            Some(number) => format!("{}, {number}", error.step),
            None => error.to_string(),
        },
        Ok(_) => "none".into(),
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    let demanded = std::env::args().nth(1).is_some_and(|name| name == "device");
    let backend = if demanded { Backend::Device } else { Backend::Any };
    let filter = Command::new("tr").arg("a-z").arg("A-Z").backend(backend);
    let mut filter = filter.stream(0, Stdio::Piped).stream(1, Stdio::Piped).spawn()?;
    println!("backend: {}", format!("{:?}", filter.backend).to_lowercase());
    filter.stdin.take().unwrap().write_all(b"hello")?;
    filter.stdout.take().unwrap().read_to_string(&mut text)?;
    println!("output: {text}");
    filter.wait()?;

    text.clear();
    let mut shell = Command::new("sh")
        .arg("-c")
        .arg("pwd; echo $A; ls /proc/self/fd | wc -l; exit 3")
        .env("A", "b")
        .env("PATH", "/usr/bin")
        .current_dir("/usr")
        .stream(1, Stdio::Piped)
        .spawn()?;
    shell.stdout.take().unwrap().read_to_string(&mut text)?;
    println!("directory, environment, descriptors: {}", text.replace('\n', " ").trim_end());
    println!("status: {}", shell.wait()?.code().unwrap_or(-1));
    drop(shell);

    let before = descriptors();
    println!("no program: {}", failure(Command::new("/none")));
    println!("no directory: {}", failure(Command::new("true").current_dir("/none")));
    println!("null byte: {}", failure(Command::new("true").arg("a\0b")));

    let mut sleeper = Command::new("sleep").arg("100").spawn()?;
    if sleeper.wait_timeout(Duration::from_millis(100))?.is_none() {
        sleeper.kill();
    }
    println!("after a time-out: {}", sleeper.wait()?);
    drop(sleeper);

    for _ in 0..30 {
        let error = std::fs::File::open("/dev/null")?.into();
        let command = Command::new("true").stream(0, Stdio::Null).stream(2, Stdio::Fd(error));
        command.stream(1, Stdio::Piped).spawn()?.wait()?;
        failure(Command::new("/none"));
    }
    println!("descriptors left open: {}", descriptors() - before);
    Ok(())
}
