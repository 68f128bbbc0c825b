//! Requests that change state machines.

use std::sync::Arc;

use jiff::Timestamp;

use super::administration::with_tags;
use super::registry::Revision;
use super::{Definition, Kernel};
use crate::configuration::{Configuration, Publish, Settings, SettingsChange, Tag};
use crate::error::Error;
use crate::record::StateMachineRecord;
use crate::store::{DefinitionRow, Record, StateMachineRow};

/// What `UpdateStateMachine` changes; what is missing stays as it is.
pub(super) struct Change {
    pub(super) definition: Option<Definition>,
    pub(super) role_arn: Option<String>,
    pub(super) settings: SettingsChange,
    pub(super) publish: Option<Publish>,
}

impl Kernel {
    /// Idempotent as AWS's: the wish to publish is part of what must be the same; role and tags of what exists stay,
    /// whatever the request says of them.
    ///
    /// Source: API reference, "CreateStateMachine".
    pub(super) fn create_state_machine(
        &mut self,
        name: &str,
        definition: Definition,
        role_arn: Option<String>,
        configuration: Configuration,
        now: Timestamp,
    ) -> Result<StateMachineRecord, Error> {
        self.accept()?;
        let Configuration { settings, tags, publish } = configuration;
        if let Some(existing) = self.registry.active(name) {
            let newest = &self.registry.newest(existing).row;
            let is_same = *newest.text == *definition.text
                && newest.workflow == definition.machine.workflow
                && newest.settings == settings;
            if is_same && self.was_published_so(existing, publish.as_ref()) {
                let existing = existing.clone();
                return Ok(self.published(existing, publish, now));
            }
            let arn = self.arns.state_machine(name);
            return Err(Error::StateMachineAlreadyExists { arn });
        }
        let (row, revision) = self.new_state_machine(name, tags, now);
        let role_arn = role_arn.unwrap_or_else(|| self.arns.default_role());
        let content = Content { definition, role_arn, settings };
        let row = self.revise(row, revision, content, now);
        Ok(self.published(row, publish, now))
    }

    /// Whether the request that created a state machine published it as another one wants.
    fn was_published_so(&self, row: &StateMachineRow, publish: Option<&Publish>) -> bool {
        let mut versions = self.registry.versions(row.id);
        let first = versions.find(|version| version.created_at == row.created_at);
        match (first, publish) {
            (Some(version), Some(publish)) => version.description == publish.description,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// A place for a state machine, and the number of its first revision.
    ///
    /// One that was deleted keeps its row, for the sake of the executions that still show it.
    fn new_state_machine(
        &self,
        name: &str,
        tags: Vec<Tag>,
        now: Timestamp,
    ) -> (StateMachineRow, i64) {
        let (id, revision) = match self.registry.any(name) {
            Some(deleted) => (deleted.id, self.registry.newest(deleted).row.revision + 1),
            None => (self.registry.next_id(), 1),
        };
        let mut row = StateMachineRow {
            id,
            name: name.to_owned(),
            deleted: false,
            definition: 0,
            created_at: now,
            last_version: 0,
            tags: Vec::new(),
        };
        with_tags(&mut row.tags, tags);
        (row, revision)
    }

    pub(super) fn update_state_machine(
        &mut self,
        name: &str,
        change: Change,
        now: Timestamp,
    ) -> Result<StateMachineRecord, Error> {
        let row = self.changeable(name)?;
        let newest = Arc::clone(self.registry.newest(&row));
        let definition = match change.definition {
            Some(definition) if definition.machine.workflow != newest.row.workflow => {
                let reason = "The state machine was created anew with another type.".to_owned();
                return Err(Error::Conflict { reason });
            }
            Some(definition) => definition,
            None => {
                Definition { text: newest.row.text.as_str().into(), machine: newest.machine()? }
            }
        };
        let role_arn = change.role_arn.unwrap_or_else(|| newest.row.role_arn.clone());
        let settings = newest.row.settings.changed(change.settings);
        let is_same = newest.row.text == *definition.text
            && newest.row.role_arn == role_arn
            && newest.row.settings == settings;
        if is_same {
            return Ok(self.published(row, change.publish, now));
        }
        let content = Content { definition, role_arn, settings };
        let row = self.revise(row, newest.row.revision + 1, content, now);
        Ok(self.published(row, change.publish, now))
    }

    /// Deletes a state machine with its versions and aliases.
    pub(super) fn delete_state_machine(&mut self, name: &str) -> Result<(), Error> {
        self.accept()?;
        let Some(row) = self.registry.active(name) else { return Ok(()) };
        let row = StateMachineRow { deleted: true, tags: Vec::new(), ..row.clone() };
        let state_machine = row.id;
        let numbers: Vec<i64> = self.registry.versions(row.id).map(|row| row.number).collect();
        let names: Vec<String> =
            self.registry.aliases(row.id).map(|row| row.name.clone()).collect();
        let mut records = vec![Record::StateMachine(row.clone())];
        self.registry.put(row);
        for number in numbers {
            self.registry.remove_version(state_machine, number);
            records.push(Record::VersionGone { state_machine, number });
        }
        for name in names {
            self.registry.remove_alias(state_machine, &name);
            records.push(Record::AliasGone { state_machine, name });
        }
        self.write(records, Vec::new(), None);
        Ok(())
    }

    /// What is answered of a state machine, after its version was published if that is wanted.
    fn published(
        &mut self,
        row: StateMachineRow,
        publish: Option<Publish>,
        now: Timestamp,
    ) -> StateMachineRecord {
        let record = self.record(&row);
        let version = publish.map(|publish| self.publish(row, publish.description, now));
        StateMachineRecord { version, ..record }
    }

    /// Gives a state machine a new revision.
    fn revise(
        &mut self,
        mut row: StateMachineRow,
        revision: i64,
        content: Content,
        now: Timestamp,
    ) -> StateMachineRow {
        self.last_definition += 1;
        row.definition = self.last_definition;
        let Content { definition, role_arn, settings } = content;
        let definition_row = DefinitionRow {
            id: row.definition,
            state_machine: row.id,
            revision,
            workflow: definition.machine.workflow,
            text: definition.text.as_ref().to_owned(),
            role_arn,
            created_at: now,
            settings,
        };
        let parsed = Revision::parsed(definition_row.clone(), definition.machine);
        self.registry.put_revision(Arc::new(parsed));
        self.registry.put(row.clone());
        let records = vec![Record::Definition(definition_row), Record::StateMachine(row.clone())];
        self.write(records, Vec::new(), None);
        row
    }

    pub(super) fn record(&self, row: &StateMachineRow) -> StateMachineRecord {
        StateMachineRecord::new(&self.arns, row, &self.registry.newest(row).row)
    }
}

/// What a revision consists of.
struct Content {
    definition: Definition,
    role_arn: String,
    settings: Settings,
}
