//! Talks to the server that runs on a project: hands it executions and follows them.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_engine::StoreError;
use stepwell_pipeline::http;

use crate::failure::{Exit, Failure, Outcome};
use crate::private;
use crate::progress::Step;
use crate::project::Project;
use crate::runs::Begun;
use crate::view::Execution;

/// Where a server takes executions from commands.
pub(crate) const RUN_PATH: &str = "/_stepwell/run";

/// Silence after which a connection counts as dead. The server sends a sign of life more often.
const SILENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// Who serves a project, as the server itself wrote it into a file that only its user can read.
///
/// ```json
/// {"address":"127.0.0.1:4566","pid":4711,"token":"9f..."}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    pub(crate) address: String,
    pub(crate) pid: u32,
    pub(crate) token: String,
}

impl ServerFile {
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        private::write(path, json!(self).to_string().as_bytes())
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

/// What a command asks a server to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    /// The name of the state machine.
    pub(crate) name: String,
    /// Its definition, if it is none of the project's own.
    pub(crate) definition: Option<String>,
    /// The input: JSON.
    pub(crate) input: Option<String>,
}

/// Where a server takes what AWS's operation does not know of a redrive.
pub(crate) const REDRIVE_PATH: &str = "/_stepwell/redrive";

/// Which execution is to go on, and where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AskRedrive {
    /// The execution.
    pub(crate) execution_arn: String,
    /// The name of a state.
    pub(crate) from: Option<String>,
    /// The input of that state: JSON.
    pub(crate) input: Option<String>,
    /// However long ago it ended.
    pub(crate) at_any_age: bool,
}

/// What the server says meanwhile: one JSON object on a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Told {
    /// It goes on.
    Begun { arn: String, resumed: Option<Timestamp> },
    /// It came this far.
    Progress(Step),
    /// The server is there.
    Alive,
    /// It ended.
    Ended { execution: Box<Execution> },
    /// It did not start.
    Refused { exit: Exit, message: String, hint: Option<String> },
}

/// The server of a project.
#[derive(Debug)]
pub(crate) struct Client {
    server: ServerFile,
}

impl Client {
    /// The server that holds the project's store, if that is why the store is refused.
    ///
    /// # Errors
    /// The refusal itself: another command holds the store, or something else is wrong with it.
    pub(crate) fn behind(refusal: StoreError, project: &Project) -> Result<Self, StoreError> {
        let StoreError::Locked { pid: holder, .. } = &refusal else {
            return Err(refusal);
        };
        // A server that was killed leaves its file behind.
        let server = ServerFile::read(&project.server_file());
        match server.filter(|server| server.pid.to_string() == *holder) {
            Some(server) => Ok(Self { server }),
            None => Err(refusal),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.server.address
    }

    /// Hands over an execution and follows it.
    pub(crate) async fn run(
        &self,
        ask: &Ask,
        begun: impl Fn(Begun),
        mut show: impl FnMut(Step),
    ) -> Outcome<Execution> {
        let http = http::client(SILENCE).map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let url = format!("http://{}{RUN_PATH}", self.server.address);
        let answer = http.post(url).bearer_auth(&self.server.token).json(ask).send().await;
        let mut answer = answer.map_err(|error| self.lost(&error))?;
        if !answer.status().is_success() {
            let message =
                format!("the server at {} answered {}", self.server.address, answer.status());
            return Err(Failure::message(Exit::Unavailable, message)
                .hint("is another program listening there? restart `stepwell serve`"));
        }
        let mut lines = Lines::default();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.lost(&error))? {
            for told in lines.push(&chunk) {
                match told {
                    Told::Begun { arn, resumed } => begun(Begun { arn, resumed }),
                    Told::Progress(step) => show(step),
                    Told::Alive => (),
                    Told::Ended { execution } => return Ok(*execution),
                    Told::Refused { exit, message, hint } => {
                        return Err(refused(exit, &message, hint));
                    }
                }
            }
        }
        Err(Failure::message(Exit::Interrupted, "the server stopped before the end")
            .hint("the execution goes on when the server runs again"))
    }

    /// Stops an execution.
    pub(crate) async fn stop(
        &self,
        arn: &str,
        error: Option<&str>,
        cause: Option<&str>,
    ) -> Outcome {
        let http = http::client(SILENCE).map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let body = json!({ "executionArn": arn, "error": error, "cause": cause }).to_string();
        let request = http
            .post(format!("http://{}/", self.server.address))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "AWSStepFunctions.StopExecution")
            .bearer_auth(&self.server.token)
            .body(body);
        let answer = request.send().await.map_err(|error| self.lost(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let body: Value = answer.json().await.map_err(|error| self.lost(&error))?;
        Err(Failure::message(
            Exit::Refused,
            body["message"].as_str().unwrap_or("the server refused"),
        ))
    }

    /// Lets an execution go on.
    pub(crate) async fn redrive(&self, ask: &AskRedrive) -> Outcome {
        let http = http::client(SILENCE).map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let url = format!("http://{}{REDRIVE_PATH}", self.server.address);
        let answer = http.post(url).bearer_auth(&self.server.token).json(ask).send().await;
        let answer = answer.map_err(|error| self.lost(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        match answer.json().await.map_err(|error| self.lost(&error))? {
            Told::Refused { exit, message, hint } => Err(refused(exit, &message, hint)),
            other => Err(Failure::message(Exit::Unavailable, format!("the server says {other:?}"))),
        }
    }

    /// Invokes a function, and gives what it returned and whether that is an error.
    pub(crate) async fn invoke(&self, name: &str, payload: String) -> Outcome<(Vec<u8>, bool)> {
        let silence = std::time::Duration::from_mins(16);
        let http = http::client(silence).map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let url = format!("http://{}/2015-03-31/functions/{name}/invocations", self.server.address);
        let answer = http
            .post(url)
            .bearer_auth(&self.server.token)
            .body(payload)
            .send()
            .await
            .map_err(|error| self.lost(&error))?;
        if answer.status().is_success() {
            let has_failed = answer.headers().contains_key("x-amz-function-error");
            let payload = answer.bytes().await.map_err(|error| self.lost(&error))?;
            return Ok((payload.to_vec(), has_failed));
        }
        let code = answer.headers().get("x-amzn-errortype").and_then(|it| it.to_str().ok());
        let code = code.unwrap_or("refused").to_owned();
        let body: Value = answer.json().await.map_err(|error| self.lost(&error))?;
        let message = body["Message"].as_str().unwrap_or("the server refused");
        Err(Failure::message(Exit::Refused, format!("{code}: {message}")))
    }

    fn lost(&self, error: &reqwest::Error) -> Failure {
        let message = format!(
            "the server at {} (process {}) does not answer: {error}",
            self.server.address, self.server.pid
        );
        Failure::message(Exit::Unavailable, message)
            .hint("look at the server's log; restart it if it hangs")
    }
}

fn refused(exit: Exit, message: &str, hint: Option<String>) -> Failure {
    let failure = Failure::message(exit, message);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Puts lines together from pieces.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The whole lines so far. What is no message is passed over: a newer server may say more.
    fn push(&mut self, piece: &[u8]) -> Vec<Told> {
        self.rest.extend_from_slice(piece);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        whole
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_in_any_pieces() {
        let text = "{\"event\":\"alive\"}\n{\"event\":\"unheard-of\"}\n{\"event\":\"refused\",\"exit\":\"Busy\",\"message\":\"no\",\"hint\":null}\n";
        for size in [1, 7, 1_000] {
            let mut lines = Lines::default();
            let told: Vec<_> =
                text.as_bytes().chunks(size).flat_map(|piece| lines.push(piece)).collect();
            assert!(matches!(&told[..], [Told::Alive, Told::Refused { .. }]), "{told:?}");
        }
    }
}
