//! A private PostgreSQL server: found or installed, started in a temporary folder on a free loopback port, and gone
//! with the value that stands for it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{debian, server};

const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How careful the server is with its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is synced: for tests, whose data is thrown away.
    None,
    /// As installed: for benchmarks.
    Full,
}

/// A running server with a superuser `postgres` that needs no password; stopped when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    binaries: PathBuf,
    user: Option<User>,
    child: Child,
    folder: TempDir,
}

impl Postgres {
    /// Starts a server, after installing it where that is possible and needed.
    ///
    /// # Errors
    /// If there is no server and it cannot be installed, or if it does not start.
    pub fn start(durability: Durability) -> Result<Self> {
        let binaries = find_or_install()?;
        let user = User::to_drop_to()?;
        let folder = tempfile::Builder::new().prefix("stepwell-postgres-").tempdir()?;
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        }
        let data = folder.path().join("data");
        initialise(&binaries, user.as_ref(), &data)?;
        let port = server::free_address()?.port();
        let log = fs::File::create(folder.path().join("log"))?;
        let child = command(&binaries.join("postgres"), user.as_ref())
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string()])
            .args(settings(folder.path(), durability).iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut server = Self { url, binaries, user, child, folder };
        server.wait_until_ready(port)?;
        Ok(server)
    }

    /// Its connection string.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The `psql` that belongs to it.
    pub fn psql(&self) -> PathBuf {
        self.binaries.join("psql")
    }

    fn wait_until_ready(&mut self, port: u16) -> Result<()> {
        let started = Instant::now();
        let is_ready = || {
            let mut ask = Command::new(self.binaries.join("pg_isready"));
            ask.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()]).status()
        };
        while !is_ready()?.success() {
            let ended = self.child.try_wait()?.is_some();
            if ended || started.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("PostgreSQL did not start:\n{log}");
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // `immediate` is right for data that is thrown away; a server that does not stop is killed.
        let data = self.folder.path().join("data");
        let stopped = command(&self.binaries.join("pg_ctl"), self.user.as_ref())
            .args(["stop", "--silent", "--mode=immediate", "--wait", "-D"])
            .arg(data)
            .stdout(Stdio::null())
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The account that the server runs as where we are root: it refuses to run as root.
#[derive(Debug)]
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    fn to_drop_to() -> Result<Option<Self>> {
        if !debian::is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let find = |name| accounts.lines().find_map(|line| Self::parse(line, name));
        let user = find("postgres").or_else(|| find("nobody"));
        Ok(Some(user.context(
            "PostgreSQL does not run as root, and there is no account `postgres` or `nobody`",
        )?))
    }

    fn parse(account: &str, name: &str) -> Option<Self> {
        let fields: Vec<_> = account.split(':').collect();
        let [found, _, uid, gid, ..] = fields[..] else { return None };
        (found == name).then_some(())?;
        Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    }
}

fn command(program: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    // A folder that the other account may enter, whatever the current one is.
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

fn initialise(binaries: &Path, user: Option<&User>, data: &Path) -> Result<()> {
    let output = command(&binaries.join("initdb"), user)
        .args([
            "--no-sync",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ])
        .arg("-D")
        .arg(data)
        .output()?;
    ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn settings(folder: &Path, durability: Durability) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=200".to_owned(),
    ];
    if durability == Durability::None {
        settings.extend(
            ["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(String::from),
        );
    }
    settings
}

fn find_or_install() -> Result<PathBuf> {
    if let Some(binaries) = find() {
        return Ok(binaries);
    }
    debian::install("PostgreSQL", &["postgresql"])?;
    find().context("PostgreSQL was installed, but its `initdb` is in no known folder")
}

/// The folder with `initdb` and `postgres`: on the PATH, or where Debian keeps its versions, the newest first.
fn find() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path()).collect();
    versions
        .sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    folders.extend(versions.into_iter().rev().map(|version| version.join("bin")));
    let complete = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "pg_isready", "postgres", "psql"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let user =
            User::parse("postgres:x:101:102:PostgreSQL:/var/lib:/bin/sh", "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (101, 102));
        assert!(User::parse("postgresql:x:101:102::/:/bin/sh", "postgres").is_none());
    }

    #[test]
    fn a_benchmark_keeps_the_safe_settings() {
        let unsafe_setting = |settings: Vec<String>| settings.contains(&"fsync=off".to_owned());
        assert!(unsafe_setting(settings(Path::new("/x"), Durability::None)));
        assert!(!unsafe_setting(settings(Path::new("/x"), Durability::Full)));
    }
}
