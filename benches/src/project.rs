//! The real binary, serving a project of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::server::{self, Launch, Server};
use xtask::sfn::Client;

const START_PATIENCE: Duration = Duration::from_secs(30);

/// A project, and how it is served.
pub(crate) struct Project {
    pub(crate) launch: Launch,
    _folder: TempDir,
}

impl Project {
    /// In a new folder, which `prepare` fills and gives `stepwell.toml` of.
    pub(crate) fn new(
        binary: &Path,
        prepare: impl FnOnce(&Path) -> Result<String>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("stepwell.toml"), prepare(folder.path())?)?;
        let launch = Launch {
            binary: binary.to_owned(),
            folder: folder.path().to_owned(),
            address: server::free_address()?,
            arguments: Vec::new(),
        };
        Ok(Self { launch, _folder: folder })
    }

    /// Starts the server; gives it once it answers, with how long that took.
    pub(crate) fn start(&self) -> Result<(Server, Duration)> {
        let mut server = self.launch.start()?;
        let took = server.wait_until_up(START_PATIENCE)?;
        Ok((server, took))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.launch.address)
    }
}

/// Creates a state machine through the API; gives its ARN.
pub(crate) fn create(address: SocketAddr, name: &str, definition: &Value) -> Result<Value> {
    let request = json!({
        "name": name,
        "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::000000000000:role/bench",
    });
    Ok(Client::new(address).call("CreateStateMachine", &request)?["stateMachineArn"].take())
}
