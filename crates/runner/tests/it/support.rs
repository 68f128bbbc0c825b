//! A runner in a folder of its own, and functions of one file.

use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stepwell_runner::{Function, Invocation, Invoked, Options, Refusal, Runner, Secrets, Target};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Knows one secret.
struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn resolve(&self, name: &str) -> Result<String, String> {
        match name {
            "qc/token" => Ok("s3cr3t".to_owned()),
            other => Err(format!("there is no secret `{other}`")),
        }
    }
}

/// Where functions see their code if processes have users, mounts and processes of their own.
const APART: &str = "/var/task";

pub(crate) struct Fixture {
    pub(crate) runner: Runner,
    pub(crate) folder: TempDir,
}

pub(crate) fn options(folder: &TempDir) -> Options {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Options {
        search: std::env::split_paths(&path).collect(),
        endpoint: Some("http://127.0.0.1:4566".to_owned()),
        retries_after: [Duration::ZERO; 2],
        ..Options::at(folder.path().join(".stepwell"), Arc::new(OneSecret))
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap()).await
    }

    /// On a system without namespaces.
    pub(crate) async fn without_namespaces() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { namespaces: false, ..options(&folder) };
        let runner = Runner::open(options, Vec::new()).await.unwrap();
        Self { runner, folder }
    }

    /// Opens the same folder again, as after a restart.
    pub(crate) async fn restarted(self) -> Self {
        let Self { runner, folder } = self;
        drop(runner);
        Self::at(folder).await
    }

    pub(crate) async fn at(folder: TempDir) -> Self {
        let runner = Runner::open(options(&folder), Vec::new()).await.unwrap();
        Self { runner, folder }
    }

    /// Whether this system lets processes have users, mounts and processes of their own.
    pub(crate) async fn has_namespaces(&self) -> bool {
        let source = "import os\ndef handler(event, context):\n    return os.getcwd()\n";
        self.python("where", source).await;
        let has_them = self.call("where", "{}").await == APART;
        if !has_them {
            // Not `eprintln!`, which the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: this system allows no namespaces\n");
        }
        has_them
    }

    /// Creates a function in Python: `handler.handler` in `source`.
    pub(crate) async fn python(&self, name: &str, source: &str) {
        self.changed(name, source, |_| ()).await;
    }

    pub(crate) async fn changed(
        &self,
        name: &str,
        source: &str,
        change: impl FnOnce(&mut Function),
    ) {
        let mut function = function(name, "python3.12", "handler.handler");
        change(&mut function);
        self.runner.create(function, package(&[("handler.py", source)])).await.unwrap();
    }

    pub(crate) async fn invoke(&self, name: &str, event: &str) -> Invoked {
        let target = Target::parse(name).unwrap();
        let invocation = Invocation::of(event.to_owned());
        self.runner.invoke(&target, &invocation, &CancellationToken::new()).await.unwrap()
    }

    pub(crate) async fn invoke_later(&self, name: &str, event: &str) -> Result<Uuid, Refusal> {
        let (target, id) = (Target::parse(name).unwrap(), Uuid::new_v4());
        self.runner.invoke_later(&target, &Invocation::of(event.to_owned()), id).await?;
        Ok(id)
    }

    /// What a function returns that succeeds.
    #[track_caller]
    pub(crate) fn returned(invoked: &Invoked) -> Value {
        let payload = String::from_utf8_lossy(&invoked.payload).into_owned();
        assert_eq!(invoked.error_type, None, "{payload}");
        serde_json::from_str(&payload).unwrap()
    }

    pub(crate) async fn call(&self, name: &str, event: &str) -> Value {
        Self::returned(&self.invoke(name, event).await)
    }

    /// All that stands in the log of a function.
    pub(crate) fn log(&self, name: &str) -> String {
        self.runner.logs(name).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }
}

pub(crate) fn function(name: &str, runtime: &str, handler: &str) -> Function {
    Function { timeout_seconds: 60, ..Function::new(name, runtime, handler, "".into()) }
}

/// A package of executable files.
pub(crate) fn package(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What an error says: type and message.
pub(crate) fn error_of(invoked: &Invoked) -> (String, String) {
    let payload: Value = serde_json::from_slice(&invoked.payload).unwrap();
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(invoked.error_type.as_deref(), Some(text("errorType").as_str()));
    (text("errorType"), text("errorMessage").replace(&invoked.request_id, "ID"))
}

pub(crate) const ECHO: &str = "def handler(event, context):\n    return event\n";
