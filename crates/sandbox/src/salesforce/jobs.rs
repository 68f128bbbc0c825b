//! Query jobs of the Bulk API 2.0: their states move on when they are asked for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `,` and its alternatives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Delimiter {
    Backquote,
    Caret,
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Tab,
}

/// The end of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LineEnding {
    #[default]
    #[serde(rename = "LF")]
    Lf,
    #[serde(rename = "CRLF")]
    CrLf,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum JobState {
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

/// A job.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) operation: String,
    pub(crate) object: &'static str,
    /// `v60.0`
    pub(crate) version: String,
    pub(crate) created: String,
    pub(crate) delimiter: Delimiter,
    pub(crate) line_ending: LineEnding,
    pub(crate) polls: u32,
    pub(crate) state: JobState,
    /// Why it will fail.
    pub(crate) error: Option<String>,
    /// The first line.
    pub(crate) header: String,
    /// The others.
    pub(crate) lines: Arc<[String]>,
}

impl Delimiter {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Backquote => "`",
            Self::Caret => "^",
            Self::Comma => ",",
            Self::Pipe => "|",
            Self::Semicolon => ";",
            Self::Tab => "\t",
        }
    }
}

impl LineEnding {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

impl Job {
    /// Somebody asks how far it is: it ends when it was asked so often.
    pub(crate) fn poll(&mut self, until_done: u32) {
        if matches!(self.state, JobState::UploadComplete | JobState::InProgress) {
            self.polls += 1;
            self.state = match &self.error {
                _ if self.polls < until_done => JobState::InProgress,
                Some(_) => JobState::Failed,
                None => JobState::JobComplete,
            };
        }
    }
}
