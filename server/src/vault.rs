//! The vault's key: from the configuration, else from a file that is made on first use.

use crate::config::Config;
use anyhow::Context;
use closegraph_sync::connect::Vault;
use secrecy::SecretString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;

/// Opens the vault.
pub(crate) fn open(config: &Config) -> anyhow::Result<Vault> {
    if let Some(key) = &config.vault.key {
        return Vault::from_hex(key).context("vault.key");
    }
    let path = config
        .vault
        .key_file
        .clone()
        .unwrap_or_else(|| config.data_dir().join("vault.key"));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
    }
    match File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
    {
        Ok(mut file) => {
            let key: [u8; 32] = rand::random();
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(hex.as_bytes())?;
            file.sync_all()?;
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| format!("{} can't be made", path.display()));
        }
    }
    let key =
        fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
    Vault::from_hex(&SecretString::from(key))
        .with_context(|| format!("the key in {}", path.display()))
}
