//! Versions: revisions that stay, under a number.

use jiff::Timestamp;

use super::Kernel;
use crate::error::Error;
use crate::record::VersionRecord;
use crate::store::{Record, StateMachineRow, VersionRow};

/// What the first revision is called by those who want to publish that and no other.
///
/// Source: API reference, "PublishStateMachineVersion", `revisionId`.
const INITIAL: &str = "INITIAL";

impl Kernel {
    pub(super) fn publish_version(
        &mut self,
        name: &str,
        description: Option<String>,
        revision: Option<&str>,
        now: Timestamp,
    ) -> Result<VersionRecord, Error> {
        let row = self.changeable(name)?;
        let current = self.record(&row).shown_revision();
        let current = current.as_deref().unwrap_or(INITIAL);
        if let Some(wanted) = revision.filter(|wanted| *wanted != current) {
            return Err(Error::Conflict {
                reason: format!(
                    "Failed to publish the State Machine version for revision {wanted}. \
                     The current State Machine revision is {current}."
                ),
            });
        }
        Ok(self.publish(row, description, now))
    }

    /// Gives the current revision a number, if it has none.
    pub(super) fn publish(
        &mut self,
        mut row: StateMachineRow,
        description: Option<String>,
        now: Timestamp,
    ) -> VersionRecord {
        let mut versions = self.registry.versions(row.id);
        if let Some(known) = versions.find(|version| version.definition == row.definition) {
            return VersionRecord::new(&self.arns, &row.name, known);
        }
        drop(versions);
        row.last_version += 1;
        let version = VersionRow {
            state_machine: row.id,
            number: row.last_version,
            definition: row.definition,
            description,
            created_at: now,
        };
        let record = VersionRecord::new(&self.arns, &row.name, &version);
        self.registry.put(row.clone());
        self.registry.put_version(version.clone());
        let records = vec![Record::StateMachine(row), Record::Version(version)];
        self.write(records, Vec::new(), None);
        record
    }

    /// One that does not exist is no error, as in AWS.
    pub(super) fn delete_version(&mut self, name: &str, number: i64) -> Result<(), Error> {
        self.accept()?;
        let Some(row) = self.registry.active(name) else { return Ok(()) };
        let state_machine = row.id;
        let aliases = self.registry.aliases(state_machine);
        let routing: Vec<&str> = aliases
            .filter(|alias| alias.routes.iter().any(|route| route.version == number))
            .map(|alias| alias.name.as_str())
            .collect();
        if !routing.is_empty() {
            let aliases = routing.join(", ");
            return Err(Error::Conflict {
                reason: format!(
                    "Version to be deleted must not be referenced by an alias. \
                     Current list of aliases referencing this version: [{aliases}]"
                ),
            });
        }
        if self.registry.remove_version(state_machine, number) {
            self.write(vec![Record::VersionGone { state_machine, number }], Vec::new(), None);
        }
        Ok(())
    }
}
