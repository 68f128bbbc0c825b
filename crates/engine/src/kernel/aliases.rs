//! Aliases: names for one version, or for two between which executions are drawn.

use jiff::Timestamp;

use super::Kernel;
use crate::clock::Entropy;
use crate::configuration::Route;
use crate::error::Error;
use crate::record::AliasRecord;
use crate::store::{AliasRow, Record, StateMachineId};

impl Kernel {
    /// The same name with the same description and routes again gives what exists.
    pub(super) fn create_alias(
        &mut self,
        name: &str,
        alias: String,
        description: Option<String>,
        routes: Vec<Route>,
        now: Timestamp,
    ) -> Result<AliasRecord, Error> {
        let state_machine = self.changeable(name)?.id;
        self.check_routes(name, state_machine, &routes)?;
        if let Some(known) = self.registry.alias(state_machine, &alias) {
            if known.description == description && known.routes == routes {
                return Ok(AliasRecord::new(&self.arns, name, known));
            }
            return Err(Error::Conflict {
                reason: "Failed to create alias because an alias with the same name and a \
                         different routing configuration already exists."
                    .to_owned(),
            });
        }
        let row = AliasRow {
            state_machine,
            name: alias,
            description,
            routes,
            created_at: now,
            updated_at: now,
        };
        Ok(self.put_alias(name, row))
    }

    pub(super) fn update_alias(
        &mut self,
        name: &str,
        alias: &str,
        description: Option<String>,
        routes: Option<Vec<Route>>,
        now: Timestamp,
    ) -> Result<AliasRecord, Error> {
        let missing = || Error::ReferenceDoesNotExist { arn: self.arns.qualified(name, alias) };
        self.accept()?;
        let state_machine = self.registry.active(name).ok_or_else(missing)?.id;
        let known = self.registry.alias(state_machine, alias).cloned().ok_or_else(missing)?;
        if let Some(routes) = &routes {
            self.check_routes(name, state_machine, routes)?;
        }
        let row = AliasRow {
            description: description.or(known.description),
            routes: routes.unwrap_or(known.routes),
            updated_at: now,
            ..known
        };
        Ok(self.put_alias(name, row))
    }

    /// One that does not exist is no error, as in AWS.
    pub(super) fn delete_alias(&mut self, name: &str, alias: &str) -> Result<(), Error> {
        self.accept()?;
        let Some(row) = self.registry.active(name) else { return Ok(()) };
        let state_machine = row.id;
        if self.registry.remove_alias(state_machine, alias) {
            let gone = Record::AliasGone { state_machine, name: alias.to_owned() };
            self.write(vec![gone], Vec::new(), None);
        }
        Ok(())
    }

    fn put_alias(&mut self, name: &str, row: AliasRow) -> AliasRecord {
        let record = AliasRecord::new(&self.arns, name, &row);
        self.registry.put_alias(row.clone());
        self.write(vec![Record::Alias(row)], Vec::new(), None);
        record
    }

    fn check_routes(&self, name: &str, id: StateMachineId, routes: &[Route]) -> Result<(), Error> {
        let is_missing = |route: &&Route| self.registry.version(id, route.version).is_none();
        match routes.iter().find(is_missing) {
            Some(route) => {
                Err(Error::ReferenceDoesNotExist { arn: self.arns.qualified(name, route.version) })
            }
            None => Ok(()),
        }
    }
}

/// Draws the version of an execution. The draw is recorded with the execution's birth.
pub(super) fn draw(routes: &[Route], entropy: &mut dyn Entropy) -> Option<i64> {
    let total: u64 = routes.iter().map(|route| u64::from(route.weight)).sum();
    let mut drawn = if routes.len() > 1 { entropy.next_u64() % total.max(1) } else { 0 };
    let version = routes.iter().find(|route| {
        let is_it = drawn < u64::from(route.weight);
        drawn = drawn.saturating_sub(u64::from(route.weight));
        is_it
    });
    version.map(|route| route.version)
}
