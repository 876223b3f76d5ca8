//! `postmaster.pid`, by which a server tells that it runs: line 1 is its process, line 4 its port, the last its state.

use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fs;
use std::path::Path;

#[derive(Debug)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) port: u16,
    pub(super) ready: bool,
}

impl PidFile {
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: lines.first()?.parse().ok()?,
            port: lines.get(3)?.parse().ok()?,
            ready: lines.get(7).is_some_and(|state| *state == "ready"),
        })
    }

    /// The server that runs on this cluster. A process that only has the number of a dead one does not count: it must
    /// run a program called `postgres`.
    pub(super) fn of_running(cluster: &Path) -> Option<Self> {
        let file = Self::read(cluster)?;
        let alive = kill(Pid::from_raw(file.pid), None).is_ok();
        let name = fs::read_to_string(format!("/proc/{}/comm", file.pid));
        let is_postgres = name.map_or(true, |name| name.trim() == "postgres");
        (alive && is_postgres && file.ready).then_some(file)
    }
}
