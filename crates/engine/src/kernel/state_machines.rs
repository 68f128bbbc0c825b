//! Requests that change state machines.

use std::sync::Arc;

use jiff::Timestamp;

use super::registry::Revision;
use super::{Definition, Kernel};
use crate::error::Error;
use crate::record::StateMachineRecord;
use crate::store::{DefinitionRow, Record, StateMachineRow};

impl Kernel {
    pub(super) fn create_state_machine(
        &mut self,
        name: &str,
        definition: Definition,
        role_arn: Option<String>,
        now: Timestamp,
    ) -> Result<StateMachineRecord, Error> {
        self.accept()?;
        let role_arn = role_arn.unwrap_or_else(|| self.arns.default_role());
        if let Some(existing) = self.registry.active(name) {
            let newest = &self.registry.newest(existing).row;
            if *newest.text == *definition.text && newest.role_arn == role_arn {
                return Ok(self.record(existing));
            }
            let arn = self.arns.state_machine(name);
            return Err(Error::StateMachineAlreadyExists { arn });
        }
        // One that was deleted keeps its row, for the sake of the executions that still show it.
        let (id, revision) = match self.registry.any(name) {
            Some(deleted) => (deleted.id, self.registry.newest(deleted).row.revision + 1),
            None => (self.registry.next_id(), 1),
        };
        let row = StateMachineRow {
            id,
            name: name.to_owned(),
            deleted: false,
            definition: 0,
            created_at: now,
        };
        Ok(self.revise(row, revision, definition, role_arn, now))
    }

    pub(super) fn update_state_machine(
        &mut self,
        name: &str,
        definition: Option<Definition>,
        role_arn: Option<String>,
        now: Timestamp,
    ) -> Result<StateMachineRecord, Error> {
        self.accept()?;
        let row = self.registry.active(name).cloned();
        let row = row.ok_or_else(|| Error::StateMachineDoesNotExist {
            arn: self.arns.state_machine(name),
        })?;
        let newest = Arc::clone(self.registry.newest(&row));
        let definition = match definition {
            Some(definition) => definition,
            None => {
                Definition { text: newest.row.text.as_str().into(), machine: newest.machine()? }
            }
        };
        let role_arn = role_arn.unwrap_or_else(|| newest.row.role_arn.clone());
        if newest.row.text == *definition.text && newest.row.role_arn == role_arn {
            return Ok(self.record(&row));
        }
        Ok(self.revise(row, newest.row.revision + 1, definition, role_arn, now))
    }

    pub(super) fn delete_state_machine(&mut self, name: &str) -> Result<(), Error> {
        self.accept()?;
        let Some(row) = self.registry.active(name) else { return Ok(()) };
        let row = StateMachineRow { deleted: true, ..row.clone() };
        self.registry.put(row.clone());
        self.write(vec![Record::StateMachine(row)], Vec::new(), None);
        Ok(())
    }

    /// Gives a state machine a new revision.
    fn revise(
        &mut self,
        mut row: StateMachineRow,
        revision: i64,
        definition: Definition,
        role_arn: String,
        now: Timestamp,
    ) -> StateMachineRecord {
        self.last_definition += 1;
        row.definition = self.last_definition;
        let definition_row = DefinitionRow {
            id: row.definition,
            state_machine: row.id,
            revision,
            text: definition.text.as_ref().to_owned(),
            role_arn,
            created_at: now,
        };
        let parsed = Revision::parsed(definition_row.clone(), definition.machine);
        self.registry.put_revision(Arc::new(parsed));
        self.registry.put(row.clone());
        let record = self.record(&row);
        let records = vec![Record::Definition(definition_row), Record::StateMachine(row)];
        self.write(records, Vec::new(), None);
        record
    }

    fn record(&self, row: &StateMachineRow) -> StateMachineRecord {
        StateMachineRecord::new(&self.arns, row, &self.registry.newest(row).row)
    }
}
