//! `[functions.<name>]`: functions that run as processes.
//!
//! ```toml
//! [functions.start-qc]
//! runtime = "python3.12"
//! handler = "start-qc.lambda_handler"
//! code = "functions/qc"                  # a folder, or a .zip
//! timeout_seconds = 60                   # default: 3
//! memory_mb = 256                        # default: 128
//! concurrency = 5                        # default: as many as there are places
//! environment = { TOKEN = "secret:qc/token" }
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use stepwell_runner::Function;

use super::node::{Entry, Table};
use super::problem::Problem;
use super::reader::Reader;

/// How the names of built-in functions begin.
const BUILT_IN: &str = "stepwell-";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    runtime: String,
    handler: String,
    code: PathBuf,
    timeout_seconds: Option<u32>,
    memory_mb: Option<u32>,
    ephemeral_mb: Option<u32>,
    concurrency: Option<u32>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

impl Reader {
    pub(super) fn functions(&mut self, sections: Table) -> Vec<Function> {
        sections.into_iter().filter_map(|(name, entry)| self.function(&name, entry)).collect()
    }

    fn function(&mut self, name: &str, entry: Entry) -> Option<Function> {
        let place = entry.key.clone();
        if name.starts_with(BUILT_IN) {
            let message = format!("names that begin with `{BUILT_IN}` are of built-in functions");
            let problem = Problem::new(place.clone(), message);
            self.problems.push(problem.help("give the function another name"));
        }
        let table = self.section(Some(entry));
        let section: Section = self.typed(table, &place)?;
        let function = section.into_function(name);
        if let Err(refusal) = function.check() {
            self.problems.push(Problem::new(place, refusal.message));
        }
        Some(function)
    }
}

impl Section {
    fn into_function(self, name: &str) -> Function {
        let default = Function::new(name, &self.runtime, &self.handler, self.code);
        Function {
            timeout_seconds: self.timeout_seconds.unwrap_or(default.timeout_seconds),
            memory_mb: self.memory_mb.unwrap_or(default.memory_mb),
            ephemeral_mb: self.ephemeral_mb.unwrap_or(default.ephemeral_mb),
            concurrency: self.concurrency,
            environment: self.environment,
            ..default
        }
    }
}
