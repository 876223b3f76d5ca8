//! The vault's keys: from the configuration, else from a file that is made on first use.

use crate::config::Config;
use anyhow::Context;
use closegraph_sync::connect::{KeyStore, Vault, VaultError, generate_key};
use secrecy::{ExposeSecret, SecretString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Opens the vault.
pub(crate) fn open(config: &Config) -> anyhow::Result<Vault> {
    if let Some(key) = &config.vault.key {
        let old = config.vault.old_keys.iter();
        let old = old.flat_map(|keys| split(keys.expose_secret()));
        let keys: Vec<_> = std::iter::once(key.clone()).chain(old).collect();
        return Vault::of(&keys).context("vault.key and vault.old_keys");
    }
    let path = config
        .vault
        .key_file
        .clone()
        .unwrap_or_else(|| config.data_dir().join("vault.key"));
    let file = KeyFile::open(path)?;
    let place = format!("the keys in {}", file.path.display());
    Vault::kept_in(file).context(place)
}

/// Whether the keys stand in the configuration, where no command can change them.
pub(crate) fn is_configured(config: &Config) -> bool {
    config.vault.key.is_some()
}

/// A file with a key a line, the current one first.
struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file; it is made, with a new key, where there is none.
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
        if !path.exists() {
            let made = make(&path, folder);
            made.with_context(|| format!("{} can't be made", path.display()))?;
        }
        fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
        Ok(Self { path })
    }

    /// A reader finds the file as it was or as it will be, also after a crash. Whoever may read it still may.
    fn replace(&self, text: &str) -> io::Result<()> {
        let path = fs::canonicalize(&self.path)?;
        let before = fs::metadata(&path)?;
        let mut name = path.clone().into_os_string();
        name.push(".new");
        let beside = PathBuf::from(name);
        // What a rotation left that was cut short.
        fs::remove_file(&beside).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let mut file = private(&beside)?;
        fchown(&file, Some(before.uid()), Some(before.gid()))?;
        file.set_permissions(before.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("/"));
        File::open(folder)?.sync_all()
    }
}

impl KeyStore for KeyFile {
    fn read(&self) -> Result<Vec<SecretString>, VaultError> {
        let text = fs::read_to_string(&self.path).map_err(|error| self.refused(&error))?;
        Ok(split(&text).collect())
    }

    fn write(&self, keys: &[SecretString]) -> Result<(), VaultError> {
        let lines = keys.iter().map(ExposeSecret::expose_secret);
        let text: String = lines.flat_map(|key| [key, "\n"]).collect();
        self.replace(&text).map_err(|error| self.refused(&error))
    }
}

impl KeyFile {
    fn refused(&self, error: &io::Error) -> VaultError {
        tracing::error!(file = %self.path.display(), %error, "the file of the vault's keys can't be used");
        VaultError::Kept
    }
}

/// A file with a new key, whole or not at all; where another process makes one at the same time, the first stays.
fn make(path: &Path, folder: &Path) -> io::Result<()> {
    // Nobody else can read it.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(generate_key().expose_secret().as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

/// Makes a file that only its owner reads.
fn private(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// The keys in a text: one a line, or divided by commas.
fn split(text: &str) -> impl Iterator<Item = SecretString> {
    let words = text.split(|letter: char| letter == ',' || letter.is_whitespace());
    words
        .filter(|word| !word.is_empty())
        .map(|word| SecretString::from(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::KeyFile;
    use closegraph_sync::connect::KeyStore;
    use secrecy::ExposeSecret;
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn processes_that_start_at_once_find_one_whole_key() {
        for _ in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("vault.key");
            let start = Barrier::new(8);
            let keys: BTreeSet<String> = thread::scope(|scope| {
                let opened = (0..8).map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        let keys = KeyFile::open(path.clone()).unwrap().read().unwrap();
                        keys.first().map(|key| key.expose_secret().to_owned())
                    })
                });
                let opened: Vec<_> = opened.collect();
                let keys = opened.into_iter().map(|opened| opened.join().unwrap());
                keys.map(Option::unwrap_or_default).collect()
            });
            assert!(
                keys.len() == 1 && keys.iter().all(|key| key.len() == 64),
                "{keys:?}"
            );
        }
    }
}
