//! A running service under its watcher, which ends it when this process dies.

use std::{
    ffi::OsStr,
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use rustix::process::Pid;

use crate::{
    directory::Directory,
    tree::{self, Status},
};

/// Ends the service when dropped, and removes its directory unless that is to stay.
///
/// The standard library's child and not tokio's: that one belongs to a runtime, and a service outlives the runtime of
/// the test that happened to start it.
#[derive(Debug)]
pub(crate) struct Process {
    watcher: Child,
    pid: Pid,
}

impl Process {
    /// Starts a program, with `ending` as the name of the signal that ends it in order. Its outputs go to the file `log`
    /// in its directory, which is also where it runs.
    pub(crate) fn start(directory: &Directory, ending: &str, program: &[impl AsRef<OsStr>]) -> io::Result<Process> {
        let keep = if directory.stays() { "keep" } else { "" };
        let directory = directory.path();
        let log = OpenOptions::new().create(true).append(true).open(directory.join("log"))?;
        let mut watcher = Command::new("sh")
            .args(["-c", include_str!("watcher.sh"), "watcher"])
            .arg(directory)
            .args([keep, ending])
            .args(program)
            .current_dir(directory)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // An interrupt from the terminal is this process's to answer; the watcher has to outlive it.
            .process_group(0)
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = watcher.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let pid = line.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the watcher did not start the service"))?;
        Ok(Process { watcher, pid })
    }

    /// The service's first process; none if it has ended.
    pub(crate) fn running(&self) -> Option<Pid> {
        let status = Status::of(self.pid)?;
        // Otherwise the number belongs to somebody else by now.
        let ours = u32::try_from(status.parent) == Ok(self.watcher.id());
        (ours && !status.ended()).then_some(self.pid)
    }

    /// What a service that ended has left running. They are in the watcher's process group, as the service was, unless
    /// they have one of their own: so do PostgreSQL's, which end by themselves.
    pub(crate) fn orphans(&self) -> Vec<Pid> {
        let watcher = i32::try_from(self.watcher.id()).ok().and_then(Pid::from_raw);
        watcher.map(tree::others_in_group).unwrap_or_default()
    }

    /// Ends the service if it runs, and keeps its directory.
    pub(crate) fn release(mut self) {
        if let Some(pipe) = &mut self.watcher.stdin {
            pipe.write_all(b"keep\n").ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        self.watcher.wait().ok();
    }
}
