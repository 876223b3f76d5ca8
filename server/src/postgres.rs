//! The embedded Postgres: the system's `initdb` and `postgres` as children of this process, with data under the data
//! directory. A server that survived our own crash is taken over.

mod account;
mod binaries;
mod cluster;
mod pidfile;

use account::Account;
use binaries::Binaries;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pidfile::PidFile;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Superuser of the cluster, and name of the database.
const USER: &str = "closegraph";
/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the pid file is looked at.
const BLINK: Duration = Duration::from_millis(10);

/// What keeps the embedded Postgres from running.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error(
        "no Postgres server was found. Install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql), name its folder with CLOSEGRAPH_POSTGRES_BIN_DIR, or set DATABASE_URL; a private copy could not be downloaded: {0}"
    )]
    NoBinaries(String),
    #[error("{path} can't be used")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed: {message}")]
    Program {
        program: &'static str,
        message: String,
    },
    #[error(
        "another closegraph process uses the data directory {0}: stop it, or give this one another with CLOSEGRAPH_POSTGRES_DATA_DIR"
    )]
    InUse(PathBuf),
    #[error(
        "the account {account} that Postgres runs as can't enter {path}: choose a data directory outside of it, or let others pass with chmod o+x"
    )]
    NotTraversable { account: String, path: PathBuf },
    #[error(
        "the data directory was made by Postgres {data}, but the server found is {server}: name the folder of a server {data} with CLOSEGRAPH_POSTGRES_BIN_DIR"
    )]
    Version { data: String, server: String },
    #[error("Postgres did not accept connections within {} s; its log is {log}", PATIENCE.as_secs())]
    NotReady { log: PathBuf },
    #[error("postgres.bin_dir is {0}, which holds no initdb and postgres")]
    BinDir(PathBuf),
    #[error(
        "running as root, but there is neither an account postgres nor nobody to run the server as"
    )]
    NoAccount,
}

/// Where the server lives.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Folder that holds the cluster (`postgres/`) and our own files.
    pub data_dir: PathBuf,
    /// Folder of `initdb` and `postgres`; looked for when absent.
    pub bin_dir: Option<PathBuf>,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    port: u16,
    password: String,
    pid: Pid,
    cluster: PathBuf,
    /// Absent for a server that was taken over.
    child: Option<Child>,
    /// Held while this process lives: one closegraph a data directory.
    _lock: File,
}

impl EmbeddedPostgres {
    /// Starts the server, or takes over the one that survived a crash of ours; makes the cluster on first use.
    pub async fn start(options: &PostgresOptions) -> Result<Self, PostgresError> {
        let binaries = Binaries::find(options).await?;
        let options = options.clone();
        let started =
            tokio::task::spawn_blocking(move || Self::start_blocking(&options, &binaries));
        started.await.map_err(|error| PostgresError::Program {
            program: "postgres",
            message: error.to_string(),
        })?
    }

    fn start_blocking(
        options: &PostgresOptions,
        binaries: &Binaries,
    ) -> Result<Self, PostgresError> {
        let account = Account::to_run_as()?;
        let root = prepare(&options.data_dir, account.as_ref())?;
        let lock = lock(&root)?;
        let cluster = root.join("postgres");
        let password_file = root.join("postgres.password");
        if !cluster.join("PG_VERSION").exists() {
            cluster::make(binaries, account.as_ref(), &root, &cluster, &password_file)?;
        }
        binaries.check_version(&cluster)?;
        let password = fs::read_to_string(&password_file).map_err(at(&password_file))?;
        let password = password.trim().to_owned();
        let log = root.join("postgres.log");
        let (port, pid, child) = match survivor(&cluster, &log)? {
            Some(survivor) => (survivor.port, survivor.pid, None),
            None => {
                PidFile::disown(&cluster).map_err(at(&cluster))?;
                let port = free_port().map_err(at(&cluster))?;
                let child = spawn(binaries, account.as_ref(), &cluster, &log, port)?;
                (port, child.id().cast_signed(), Some(child))
            }
        };
        let mut server = Self {
            port,
            password,
            pid: Pid::from_raw(pid),
            cluster,
            child,
            _lock: lock,
        };
        match server.wait_until_ready(&log) {
            Err(error @ PostgresError::Program { .. }) => server.yield_to_survivor(error, &log),
            Err(error) => Err(error),
            Ok(()) => Ok(server),
        }
    }

    /// Our server ended at once: one that a killed process of ours had only begun to start may have the cluster.
    fn yield_to_survivor(
        mut self,
        error: PostgresError,
        log: &Path,
    ) -> Result<Self, PostgresError> {
        let survivor = survivor(&self.cluster, log)?.ok_or(error)?;
        (self.port, self.pid) = (survivor.port, Pid::from_raw(survivor.pid));
        self.child = None;
        Ok(self)
    }

    /// Waits until the pid file says so: it names our server, and its last line becomes `ready`.
    fn wait_until_ready(&mut self, log: &Path) -> Result<(), PostgresError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let file = PidFile::read(&self.cluster);
            if file.is_some_and(|file| file.ready && file.pid == self.pid.as_raw()) {
                return Ok(());
            }
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                let message = format!("it ended with {status}; {}", last_lines(log));
                return Err(PostgresError::Program {
                    program: "postgres",
                    message,
                });
            }
            pause();
        }
        Err(PostgresError::NotReady {
            log: log.to_owned(),
        })
    }

    /// Address of the database `closegraph` of a server that another closegraph process runs on the data directory.
    pub fn url_of_running(options: &PostgresOptions) -> Option<String> {
        let cluster = options.data_dir.join("postgres");
        let file = PidFile::read(&cluster).filter(|file| file.ready)?;
        let password = fs::read_to_string(options.data_dir.join("postgres.password")).ok()?;
        pidfile::runs_on(&cluster, file.pid).then(|| url(password.trim(), file.port, USER))
    }

    /// Address of the database `closegraph`, password included.
    pub fn url(&self) -> String {
        self.url_of(USER)
    }

    /// Address of the database that every cluster has, to make ours from.
    pub fn maintenance_url(&self) -> String {
        self.url_of("postgres")
    }

    fn url_of(&self, database: &str) -> String {
        url(&self.password, self.port, database)
    }

    /// Stops the server: at once for its clients, with all data safe.
    pub async fn stop(mut self) {
        let stopped = tokio::task::spawn_blocking(move || self.stop_blocking()).await;
        if let Err(error) = stopped {
            tracing::warn!(error = %error, "Postgres could not be stopped");
        }
    }

    fn stop_blocking(&mut self) {
        for (signal, patience) in [
            (Signal::SIGINT, PATIENCE),
            (Signal::SIGQUIT, Duration::from_secs(5)),
        ] {
            if !self.is_alive() || kill(self.pid, signal).is_err() {
                return;
            }
            let start = Instant::now();
            while start.elapsed() < patience {
                if !self.is_alive() {
                    return;
                }
                pause();
            }
        }
    }

    fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => pidfile::runs_on(&self.cluster, self.pid.as_raw()),
        }
    }
}

fn url(password: &str, port: u16, database: &str) -> String {
    format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}")
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        self.stop_blocking();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only called from blocking threads"
)]
fn pause() {
    std::thread::sleep(BLINK);
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PostgresError + use<> {
    let path = path.to_owned();
    move |source| PostgresError::Io { path, source }
}

/// Makes the data directory, and sees that the server's account can get there.
fn prepare(data_dir: &Path, account: Option<&Account>) -> Result<PathBuf, PostgresError> {
    fs::create_dir_all(data_dir).map_err(at(data_dir))?;
    let root = data_dir.canonicalize().map_err(at(data_dir))?;
    if let Some(account) = account {
        for parent in root.ancestors() {
            if !account.can_enter(parent) && parent != root {
                let account = account.name.clone();
                return Err(PostgresError::NotTraversable {
                    account,
                    path: parent.to_owned(),
                });
            }
        }
        account.own(&root)?;
    }
    Ok(root)
}

/// The server that survived a crash of ours, once it is ready. One that is stopping is waited for, and is none.
fn survivor(cluster: &Path, log: &Path) -> Result<Option<PidFile>, PostgresError> {
    let start = Instant::now();
    let mut told = false;
    while let Some(found) = PidFile::of_running(cluster) {
        let (pid, port) = (found.pid, found.port);
        if found.ready {
            tracing::info!(pid, port, "taking over a Postgres that is running already");
            return Ok(Some(found));
        }
        if !told {
            tracing::info!(pid, "waiting for a Postgres that is starting or stopping");
            told = true;
        }
        if start.elapsed() > PATIENCE {
            let log = log.to_owned();
            return Err(PostgresError::NotReady { log });
        }
        pause();
    }
    Ok(None)
}

fn lock(root: &Path) -> Result<File, PostgresError> {
    let path = root.join("closegraph.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PostgresError::InUse(root.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// Settings of a small server that loads in bulk and never loses a commit.
const SETTINGS: [&str; 12] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=64MB",
    "max_connections=60",
    "max_wal_size=1GB",
    "checkpoint_completion_target=0.9",
    "wal_compression=on",
    "jit=off",
    "random_page_cost=1.1",
    "log_timezone=UTC",
];

fn spawn(
    binaries: &Binaries,
    account: Option<&Account>,
    cluster: &Path,
    log: &Path,
    port: u16,
) -> Result<Child, PostgresError> {
    let out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(at(log))?;
    let errors = out.try_clone().map_err(at(log))?;
    let mut command = Command::new(binaries.postgres());
    command
        .arg("-D")
        .arg(cluster)
        .arg("-p")
        .arg(port.to_string());
    for setting in SETTINGS {
        command.arg("-c").arg(setting);
    }
    // A group of its own: the terminal's Ctrl-C reaches us, and we stop the server when we have drained.
    command
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(errors);
    if let Some(account) = account {
        account.run(&mut command);
    }
    command.spawn().map_err(at(&binaries.postgres()))
}

fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.reverse();
    lines.join(" | ")
}
