//! `closegraph vault`.

use super::Output;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Seal every secret in the database under a new key.
    #[command(after_help = "Example: closegraph vault rotate\n\n\
        It makes a key, keeps it as the first one of the key file, and seals all secrets anew in one transaction. Servers \
        keep running: they read the file again when they meet a key that they do not know. The key before stays in the \
        file, the ones before that go.\n\n\
        Where keys come from the environment, put the new one into CLOSEGRAPH_VAULT_KEY and the one before into \
        CLOSEGRAPH_VAULT_OLD_KEYS, restart every process, and run this; then the old one is not needed any more.")]
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Make no new key: seal all under the key that is current, the first one of the file. For files of keys that this
    /// command can't write, or of which several machines have a copy.
    #[arg(long)]
    pub under_current: bool,
    #[command(flatten)]
    pub output: Output,
}
