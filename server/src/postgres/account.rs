//! The account that the server runs as: `initdb` and `postgres` refuse root.

use super::PostgresError;
use nix::unistd::{Gid, Uid, User, chown};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// `postgres`, else `nobody`, when we are root; ourselves (`None`) otherwise.
    pub(super) fn to_run_as() -> Result<Option<Self>, PostgresError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| {
                Some(Self {
                    name: user.name,
                    uid: user.uid,
                    gid: user.gid,
                })
            })
            .ok_or(PostgresError::NoAccount)
    }

    /// Whether the account may pass through a folder.
    pub(super) fn can_enter(&self, folder: &Path) -> bool {
        let Ok(metadata) = folder.metadata() else {
            return false;
        };
        let mode = metadata.permissions().mode();
        if metadata.uid() == self.uid.as_raw() {
            mode & 0o100 != 0
        } else if metadata.gid() == self.gid.as_raw() {
            mode & 0o010 != 0
        } else {
            mode & 0o001 != 0
        }
    }

    /// Hands a path over to the account.
    pub(super) fn own(&self, path: &Path) -> Result<(), PostgresError> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(|error| PostgresError::Io {
            path: path.to_owned(),
            source: error.into(),
        })
    }

    /// Makes a command run as the account.
    pub(super) fn run(&self, command: &mut Command) {
        command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
    }
}
