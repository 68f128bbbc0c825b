//! The state machines and the revisions of their definitions, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use stepwell_asl::{Diagnostic, Severity, StateMachine, WorkflowType};

use crate::error::{Error, StoreError};
use crate::store::{
    AliasRow, Archive, DefinitionId, DefinitionRow, StateMachineId, StateMachineRow, VersionRow,
};

/// All state machines, deleted ones included, and the definitions in use.
#[derive(Debug, Default)]
pub(super) struct Registry {
    machines: HashMap<String, StateMachineRow>,
    names: HashMap<StateMachineId, Arc<str>>,
    definitions: HashMap<DefinitionId, Arc<Revision>>,
    versions: BTreeMap<(StateMachineId, i64), VersionRow>,
    aliases: BTreeMap<(StateMachineId, String), AliasRow>,
}

/// One revision of a definition, parsed when it is first needed.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) row: DefinitionRow,
    parsed: OnceLock<Result<Arc<StateMachine>, Error>>,
}

impl Revision {
    /// A revision that is parsed already.
    pub(super) fn parsed(row: DefinitionRow, machine: Arc<StateMachine>) -> Self {
        Self { row, parsed: OnceLock::from(Ok(machine)) }
    }

    /// What it means.
    ///
    /// # Errors
    /// [`Error::InvalidDefinition`] if this program refuses what the one that stored it accepted.
    pub(super) fn machine(&self) -> Result<Arc<StateMachine>, Error> {
        let parse = || checked(stepwell_asl::parse_kept(&self.row.text, self.row.workflow));
        self.parsed.get_or_init(parse).clone()
    }
}

/// Parses a definition that is new; warnings do not refuse it.
pub(crate) fn parse(text: &str, workflow: WorkflowType) -> Result<Arc<StateMachine>, Error> {
    checked(stepwell_asl::parse_as(text, workflow))
}

fn checked(parsed: (Option<StateMachine>, Vec<Diagnostic>)) -> Result<Arc<StateMachine>, Error> {
    match parsed {
        (Some(machine), _) => Ok(Arc::new(machine)),
        (None, mut diagnostics) => {
            diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
            Err(Error::InvalidDefinition { diagnostics })
        }
    }
}

impl Registry {
    /// Reads the state machines and their newest definitions.
    pub(super) fn load(archive: &Archive) -> Result<Self, StoreError> {
        let mut registry = Self::default();
        for row in archive.state_machines()? {
            registry.revision(row.definition, archive)?;
            registry.put(row);
        }
        archive.versions()?.into_iter().for_each(|row| registry.put_version(row));
        archive.aliases()?.into_iter().for_each(|row| registry.put_alias(row));
        Ok(registry)
    }

    pub(super) fn put_version(&mut self, row: VersionRow) {
        self.versions.insert((row.state_machine, row.number), row);
    }

    pub(super) fn version(&self, id: StateMachineId, number: i64) -> Option<&VersionRow> {
        self.versions.get(&(id, number))
    }

    /// The versions of a state machine, by number.
    pub(super) fn versions(&self, id: StateMachineId) -> impl Iterator<Item = &VersionRow> {
        self.versions.range((id, 0)..(id + 1, 0)).map(|(_, row)| row)
    }

    /// Whether it was there.
    pub(super) fn remove_version(&mut self, id: StateMachineId, number: i64) -> bool {
        self.versions.remove(&(id, number)).is_some()
    }

    pub(super) fn put_alias(&mut self, row: AliasRow) {
        self.aliases.insert((row.state_machine, row.name.clone()), row);
    }

    pub(super) fn alias(&self, id: StateMachineId, name: &str) -> Option<&AliasRow> {
        self.aliases.get(&(id, name.to_owned()))
    }

    /// The aliases of a state machine, by name.
    pub(super) fn aliases(&self, id: StateMachineId) -> impl Iterator<Item = &AliasRow> {
        self.aliases.range((id, String::new())..(id + 1, String::new())).map(|(_, row)| row)
    }

    /// Whether it was there.
    pub(super) fn remove_alias(&mut self, id: StateMachineId, name: &str) -> bool {
        self.aliases.remove(&(id, name.to_owned())).is_some()
    }

    pub(super) fn put(&mut self, row: StateMachineRow) {
        self.names.insert(row.id, row.name.as_str().into());
        self.machines.insert(row.name.clone(), row);
    }

    pub(super) fn put_revision(&mut self, revision: Arc<Revision>) {
        self.definitions.insert(revision.row.id, revision);
    }

    /// A state machine that exists or existed.
    pub(super) fn any(&self, name: &str) -> Option<&StateMachineRow> {
        self.machines.get(name)
    }

    /// A state machine that exists.
    pub(super) fn active(&self, name: &str) -> Option<&StateMachineRow> {
        self.any(name).filter(|row| !row.deleted)
    }

    pub(super) fn name(&self, id: StateMachineId) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    pub(super) fn next_id(&self) -> StateMachineId {
        self.names.keys().max().map_or(1, |id| id + 1)
    }

    /// The newest revision of a state machine.
    pub(super) fn newest(&self, row: &StateMachineRow) -> &Arc<Revision> {
        self.definitions.get(&row.definition).expect("newest revisions stay in memory")
    }

    /// A revision that is in memory.
    pub(super) fn known(&self, id: DefinitionId) -> Option<&Arc<Revision>> {
        self.definitions.get(&id)
    }

    /// A revision, from the archive if it is an old one.
    pub(super) fn revision(
        &mut self,
        id: DefinitionId,
        archive: &Archive,
    ) -> Result<Arc<Revision>, StoreError> {
        if let Some(revision) = self.definitions.get(&id) {
            return Ok(Arc::clone(revision));
        }
        let row = archive.definition(id)?;
        let revision = Arc::new(Revision { row, parsed: OnceLock::new() });
        self.put_revision(Arc::clone(&revision));
        Ok(revision)
    }
}
