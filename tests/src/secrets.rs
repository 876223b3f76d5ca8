//! What nobody may find where a server wrote: in its log, its database and the log of that.

use regex::bytes::Regex;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Tokens of ours, and what the simulator gives: keys, secrets of apps, codes and tokens of OAuth, keys of webhooks.
const SHAPES: &str = include_str!("../secrets.txt");

static SHAPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shapes: Vec<&str> = SHAPES.lines().collect();
    Regex::new(&shapes.join("|")).ok()
});

/// Files that hold a secret by their purpose: nothing else may.
const KEEPERS: [&str; 2] = ["vault.key", "postgres.password"];

/// Where a secret stands below a data directory whose server is stopped.
pub(crate) fn found(data_dir: &Path) -> Vec<String> {
    let kept = KEEPERS.map(|name| fs::read_to_string(data_dir.join(name)).unwrap_or_default());
    let kept: Vec<&str> = kept.iter().map(|secret| secret.trim()).collect();
    let mut found = Vec::new();
    for file in written(data_dir) {
        let bytes = fs::read(&file).unwrap_or_default();
        // A program that a test runs from there, which was not written by it.
        if bytes.starts_with(b"\x7fELF") {
            continue;
        }
        let shaped = SHAPED.iter().flat_map(|shapes| shapes.find_iter(&bytes));
        let shaped = shaped.map(|secret| secret.as_bytes().to_vec());
        let known = kept.iter().filter(|secret| {
            secret.len() >= 16 && memchr::memmem::find(&bytes, secret.as_bytes()).is_some()
        });
        let known = known.map(|secret| secret.as_bytes().to_vec());
        // What is printed is searched, too.
        let told = |secret: Vec<u8>| {
            let begins = String::from_utf8_lossy(secret.get(..8).unwrap_or(&secret));
            format!("{begins}… in {}", file.display())
        };
        found.extend(shaped.chain(known).map(told));
    }
    found.sort();
    found.dedup();
    found
}

/// The files that a server wrote: logs, the tables of ours, and the log of the database.
fn written(data_dir: &Path) -> Vec<PathBuf> {
    let cluster = data_dir.join("postgres");
    let mut folders = vec![data_dir.to_owned(), cluster.join("pg_wal")];
    folders.extend(entries(&cluster.join("base")));
    let of_postgres_itself = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.split(['.', '_']).next()?.parse::<u32>().ok());
        // Objects of Postgres itself have numbers below this.
        path.starts_with(cluster.join("base")) && number.is_none_or(|number| number < 16_384)
    };
    let is_keeper = |path: &Path| KEEPERS.iter().any(|name| path.ends_with(name));
    folders
        .iter()
        .flat_map(|folder| entries(folder))
        .filter(|path| path.is_file() && !is_keeper(path) && !of_postgres_itself(path))
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}
