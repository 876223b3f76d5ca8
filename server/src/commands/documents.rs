//! `closegraph documents`.

use crate::cli::CheckArgs;
use closegraph_api::{Documents, KnownOperation};
use serde_json::json;

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<()> {
    match Documents::read(&args.folder) {
        Ok(documents) if args.output.json => {
            let entry = |known: &KnownOperation| (known.name.clone(), json!(known.hash));
            let hashes: serde_json::Map<_, _> = documents.operations().map(entry).collect();
            super::print(&serde_json::to_string_pretty(&hashes)?)
        }
        Ok(documents) => {
            let line = |known: &KnownOperation| format!("{}  {}", known.hash, known.name);
            let lines: Vec<_> = documents.operations().map(line).collect();
            super::print(&lines.join("\n"))
        }
        Err(faults) => {
            for fault in &faults {
                super::print(&fault.to_string())?;
            }
            anyhow::bail!("{} found", super::count(faults.len() as i64, "fault"))
        }
    }
}
