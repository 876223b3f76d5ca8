//! The documents that the API knows beforehand.

use crate::config::{Config, DocumentPolicy};
use anyhow::Context;
use closegraph_api::Documents;
use std::path::Path;

/// Those of the configuration's folder.
pub(crate) fn of(config: &Config) -> anyhow::Result<Documents> {
    let api = &config.api;
    match &api.documents_dir {
        Some(folder) => read(folder).context("api.documents_dir"),
        None if api.documents == DocumentPolicy::Trusted => {
            anyhow::bail!("api.documents is trusted, so api.documents_dir has to name their folder")
        }
        None => Ok(Documents::default()),
    }
}

/// Those of a folder; what is wrong with it, a line a fault.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Documents> {
    Documents::read(folder).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(faults.join("\n"))
    })
}
