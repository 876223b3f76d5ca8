//! Secrets that a person gives: by an environment variable, typed unseen, or by standard input; never as an argument,
//! which other processes of the machine can read.

use super::super::Usage;
use anyhow::Context;
use secrecy::SecretString;
use std::io::{IsTerminal, Read};

/// No secret is longer.
const LONGEST: u64 = 4096;

/// Reads a secret; `what` names it in the question and in what is refused.
pub(super) fn read(variable: Option<&str>, what: &str) -> anyhow::Result<SecretString> {
    let (secret, place) = match variable {
        Some(name) => {
            let secret = std::env::var(name).unwrap_or_default();
            (secret, format!("the environment variable {name}"))
        }
        None => (given(what)?, "standard input".to_owned()),
    };
    match secret.trim() {
        "" => Err(Usage(format!("{place} holds no {what}")).into()),
        secret => Ok(SecretString::from(secret.to_owned())),
    }
}

fn given(what: &str) -> anyhow::Result<String> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return rpassword::prompt_password(format!("The {what} (it is not shown): "))
            .context("nothing can be asked on this terminal");
    }
    let mut secret = String::new();
    input
        .take(LONGEST)
        .read_to_string(&mut secret)
        .context("standard input can't be read")?;
    Ok(secret)
}
