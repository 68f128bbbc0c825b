//! The real binary as a process: built, started on a free loopback port, watched, killed.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cargo;
use crate::repository::Repository;
use crate::sfn::Client;
use crate::ui;

/// How a binary is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// As `cargo test` does.
    Dev,
    /// As users run it.
    Release,
}

/// Builds the `stepwell` binary and returns where it is.
///
/// # Errors
/// If it does not compile.
pub fn build(repository: &Repository, profile: Profile) -> Result<PathBuf> {
    let (flag, folder) = match profile {
        Profile::Dev => ("--profile=dev", "debug"),
        Profile::Release => ("--release", "release"),
    };
    ui::step(format!("building stepwell ({folder})"));
    let status = cargo::command().args(["build", "--package", "stepwell", flag]).status()?;
    ensure!(status.success(), "stepwell does not compile");
    Ok(repository.target.join(folder).join("stepwell"))
}

/// An address on loopback that nobody listened on a moment ago.
///
/// # Errors
/// If the system has none.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// How a server is started, again and again.
#[derive(Debug)]
pub struct Launch {
    /// The `stepwell` binary.
    pub binary: PathBuf,
    /// The project folder, which holds all state; stderr goes to `serve.log` in it.
    pub folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Further arguments of `serve`.
    pub arguments: Vec<String>,
}

impl Launch {
    /// Starts the server; it may not answer yet.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start(&self) -> Result<Server> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let child = Command::new(&self.binary)
            .arg("serve")
            .arg(&self.folder)
            .args(["--listen", &self.address.to_string()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(File::create("/dev/null")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", self.binary.display()))?;
        Ok(Server { child, address: self.address, log: self.log(), started: Instant::now() })
    }

    fn log(&self) -> PathBuf {
        self.folder.join("serve.log")
    }
}

/// A running server; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    started: Instant,
}

impl Server {
    /// Waits until it answers, and returns how long that took from its start.
    ///
    /// # Errors
    /// If it ends by itself or takes longer than `patience`; the error shows the end of its log.
    pub fn wait_until_up(&mut self, patience: Duration) -> Result<Duration> {
        let mut client = Client::new(self.address);
        while !client.is_up("/healthz") {
            self.check_running()?;
            if self.started.elapsed() > patience {
                bail!(
                    "stepwell does not answer after {patience:?}; its log ends:\n{}",
                    tail(&self.log)
                );
            }
            sleep(Duration::from_millis(1));
        }
        Ok(self.started.elapsed())
    }

    /// Checks that it has not ended by itself.
    ///
    /// # Errors
    /// If it has; the error shows the end of its log.
    pub fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                bail!("stepwell ended by itself ({status}); its log ends:\n{}", tail(&self.log))
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL, and returns once it is gone.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to tell if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
