//! Reads a store, whether an engine runs on it or not: what the command line shows without a server.

use std::path::Path;

use serde_json::Value;

use crate::arn::Arns;
use crate::error::{Error, StoreError};
use crate::handle::ExecutionFilter;
use crate::record::{
    ExecutionRecord, ExecutionSummary, Page, Paged, StateMachineRecord, StateMachineSummary,
};

/// A store opened for reading. Sees what is committed; never waits for the engine and never hinders it.
/// The methods are those of [`crate::Handle`] with the same names, blocking.
#[derive(Debug)]
pub struct Reader {}

#[expect(missing_docs, clippy::missing_errors_doc, reason = "described at `Handle`")]
impl Reader {
    /// Opens an existing store.
    ///
    /// # Errors
    /// [`StoreError`] if there is none, or it is damaged or newer than this program.
    pub fn open(path: &Path, arns: Arns) -> Result<Self, StoreError> {
        let _ = (path, arns);
        todo!()
    }

    pub fn describe_state_machine(&self, arn: &str) -> Result<StateMachineRecord, Error> {
        let _ = arn;
        todo!()
    }

    pub fn list_state_machines(&self, page: &Page) -> Result<Paged<StateMachineSummary>, Error> {
        let _ = page;
        todo!()
    }

    pub fn describe_execution(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let _ = arn;
        todo!()
    }

    pub fn list_executions(
        &self,
        filter: &ExecutionFilter,
        page: &Page,
    ) -> Result<Paged<ExecutionSummary>, Error> {
        let _ = (filter, page);
        todo!()
    }

    pub fn history(&self, arn: &str, reverse: bool, page: &Page) -> Result<Paged<Value>, Error> {
        let _ = (arn, reverse, page);
        todo!()
    }

    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let _ = to;
        todo!()
    }
}
