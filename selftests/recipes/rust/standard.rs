// SPDX-License-Identifier: GPL-2.0
//! standard HOW: starts /bin/true by std::process, with or without pre_exec
//!
//!     $ rustc --edition 2021 -O -o standard standard.rs

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() -> std::io::Result<()> {
    let mut command = Command::new("/bin/true");
    if std::env::args().nth(1).is_some_and(|how| how == "pre_exec") {
        unsafe { command.pre_exec(|| Ok(())) };
    }
    assert!(command.status()?.success());
    Ok(())
}
