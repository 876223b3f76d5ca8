//! Making the cluster. It is made beside its place and moved there when it is complete: `initdb` writes `PG_VERSION`
//! first, so that one which was cut short is not told from a whole one.

use super::account::Account;
use super::binaries::Binaries;
use super::{PostgresError, USER, at};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Start of the name of a cluster in the making.
const UNFINISHED: &str = "postgres.new-";

/// Makes the cluster of a data directory, with a random password for its one user.
pub(super) fn make(
    binaries: &Binaries,
    account: Option<&Account>,
    root: &Path,
    cluster: &Path,
    password_file: &Path,
) -> Result<(), PostgresError> {
    remove_unfinished(root);
    write_password(password_file).map_err(at(password_file))?;
    if let Some(account) = account {
        account.own(password_file)?;
    }
    // A name of its own: the initdb of a process that was killed may still be at work on another.
    let unfinished = root.join(format!("{UNFINISHED}{:08x}", rand::random::<u32>()));
    if let Err(error) = initdb(binaries, account, &unfinished, password_file) {
        remove_unfinished(root);
        return Err(error);
    }
    fs::rename(&unfinished, cluster).map_err(at(cluster))?;
    let folder = File::open(root).map_err(at(root))?;
    folder.sync_all().map_err(at(root))
}

/// Removes what earlier attempts left. What can't be removed is only in the way of the disk's space.
fn remove_unfinished(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            let path = entry.path();
            tracing::warn!(error = %error, path = %path.display(), "an unfinished cluster stays");
        }
    }
}

fn write_password(path: &Path) -> std::io::Result<()> {
    let password: [u8; 24] = rand::random();
    let password: String = password.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true);
    let mut file = options.mode(0o600).open(path)?;
    file.write_all(password.as_bytes())?;
    file.sync_all()
}

fn initdb(
    binaries: &Binaries,
    account: Option<&Account>,
    folder: &Path,
    password_file: &Path,
) -> Result<(), PostgresError> {
    let mut command = Command::new(binaries.initdb());
    command
        .arg("--pgdata")
        .arg(folder)
        .args(["--username", USER, "--auth", "scram-sha-256"])
        .args(["--encoding", "UTF8", "--locale", "C.UTF-8"])
        .arg("--no-instructions")
        .arg(format!("--pwfile={}", password_file.display()))
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some(account) = account {
        account.run(&mut command);
    }
    let output = command.output().map_err(at(&binaries.initdb()))?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(PostgresError::Program {
        program: "initdb",
        message,
    })
}
