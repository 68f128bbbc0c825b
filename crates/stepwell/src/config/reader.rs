//! Reads tables into types, section by section, and collects what is wrong.

use serde::de::DeserializeOwned;

use super::node::{Entry, Node, Table, Value};
use super::problem::{Place, Problem};
use super::trigger;

/// What is read from, beside the file, and what was found wrong.
pub(super) struct Reader {
    pub(super) variables: Vec<(String, String)>,
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    /// The table of a section; an empty one if it is missing or no table.
    pub(super) fn section(&mut self, entry: Option<Entry>) -> Table {
        match entry.map(|entry| entry.node) {
            None => Table::new(),
            Some(Node { value: Value::Table(table), .. }) => table,
            Some(Node { place, .. }) => {
                self.problems.push(Problem::new(place, "expected a table"));
                Table::new()
            }
        }
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// Types a section that holds no mistake.
    pub(super) fn typed<T: DeserializeOwned>(
        &mut self,
        table: Table,
        section: &Place,
    ) -> Option<T> {
        let before = self.problems.len();
        let typed = self.as_far_as_possible(table, section, T::deserialize)?;
        (self.problems.len() == before).then_some(typed)
    }

    /// Reads a section. After a mistake it goes on without the entry that holds it, to find the others.
    pub(super) fn as_far_as_possible<T>(
        &mut self,
        mut table: Table,
        section: &Place,
        read: impl Fn(Node) -> Result<T, Problem>,
    ) -> Option<T> {
        loop {
            match read(Node { place: Place::Unknown, value: Value::Table(table.clone()) }) {
                Ok(read) => return Some(read),
                Err(problem) => {
                    let guilty = table.iter().find(|(_, entry)| entry.holds(&problem.place));
                    let guilty = guilty.map(|(key, _)| key.clone());
                    self.problems.push(trigger::meant(problem, guilty.as_deref()).at(section));
                    table.remove(&guilty?);
                }
            }
        }
    }
}
