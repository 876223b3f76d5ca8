//! `postmaster.pid`, by which a server tells that it runs: line 1 is its process, line 4 its port, the last its state.

use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io, process};

#[derive(Debug)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) port: u16,
    pub(super) ready: bool,
}

impl PidFile {
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        let text = fs::read_to_string(path(cluster)).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: lines.first()?.parse().ok()?,
            port: lines.get(3)?.parse().ok()?,
            ready: lines.get(7).is_some_and(|state| *state == "ready"),
        })
    }

    /// The server that runs on this cluster, ready or not.
    pub(super) fn of_running(cluster: &Path) -> Option<Self> {
        Self::read(cluster).filter(|file| runs_on(cluster, file.pid))
    }

    /// Makes the file of a server that is gone harmless. Its number may be another process's by now, which Postgres
    /// takes for a running server, and its state must not be taken for that of the server to come. Postgres
    /// ignores the number of its parent, which we are, and still looks for survivors by the shared memory that the
    /// file names.
    pub(super) fn disown(cluster: &Path) -> io::Result<()> {
        let path = path(cluster);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let own = process::id().to_string();
        let lines = text.lines().take(7).skip(1);
        let kept: Vec<&str> = std::iter::once(own.as_str()).chain(lines).collect();
        fs::write(&path, kept.join("\n") + "\n")
    }
}

fn path(cluster: &Path) -> PathBuf {
    cluster.join("postmaster.pid")
}

/// Whether the process is a server on this cluster. One that only has the number of a dead server is not, nor is
/// another cluster's server.
pub(super) fn runs_on(cluster: &Path, pid: i32) -> bool {
    if pid <= 0 || kill(Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH) {
        return false;
    }
    command_line(pid).contains(&format!("postgres -D {} ", cluster.display()))
}

/// A process's command line, each word followed by a space; empty when the process is gone.
fn command_line(pid: i32) -> String {
    let shown = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(shown) => shown,
        Err(_) if Path::new("/proc/self").exists() => Vec::new(),
        // Where there is no /proc, such as on macOS.
        Err(_) => {
            let mut ps = Command::new("ps");
            let ps = ps.args(["-ww", "-o", "args=", "-p", &pid.to_string()]);
            ps.output()
                .map_or_else(|_| Vec::new(), |output| output.stdout)
        }
    };
    String::from_utf8_lossy(&shown).replace(['\0', '\n'], " ")
}
