//! A private moto server, the double of AWS: started on a free loopback port, and gone with the value that stands for it.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::python::Python;
use crate::server;

/// Importing every service takes its time on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A running server that takes any credentials and keeps everything in memory; killed when it is dropped.
#[derive(Debug)]
pub struct Moto {
    address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Moto {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// If it does not start; the error shows its log.
    pub fn start(python: &Python) -> Result<Self> {
        let address = server::free_address()?;
        let folder = tempfile::Builder::new().prefix("stepwell-moto-").tempdir()?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(python.moto_server())
            // Roles of administrators have policies of AWS's own.
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .args(["-H", &address.ip().to_string(), "-p", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start `moto_server`")?;
        let mut moto = Self { address, child, folder };
        moto.wait_until_ready()?;
        Ok(moto)
    }

    /// Its base URL, the endpoint of every service.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait()?.is_some();
            if ended || started.elapsed() > START_TIMEOUT {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                bail!("moto did not start:\n{}", log.unwrap_or_default());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing is left to tell if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
