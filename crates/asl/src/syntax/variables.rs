//! `Assign`: the names of variables, and the scopes that they belong to.
//!
//! The states of one `States` object share a scope. Those of a branch or an item processor have a scope of
//! their own; they see the variables of the scopes around it and cannot assign them.

use std::collections::{HashMap, HashSet};

use super::Checker;
use super::place::{Object, Place};
use crate::diagnostic::Code;
use crate::model::Payload;
use crate::variable;

/// What is known of the scopes of variables.
#[derive(Debug, Default)]
pub(super) struct Scopes<'t> {
    /// The scope around each scope.
    outer: Vec<Option<usize>>,
    /// The scope that is being read.
    current: Option<usize>,
    assignments: Vec<Assignment<'t>>,
}

/// A variable and where it is assigned.
#[derive(Debug)]
struct Assignment<'t> {
    scope: Option<usize>,
    name: &'t str,
    place: Place<'t>,
}

impl<'t> Scopes<'t> {
    /// Enters a scope; gives the one around it, to go back to.
    pub(super) fn enter(&mut self) -> Option<usize> {
        self.outer.push(self.current);
        self.current.replace(self.outer.len() - 1)
    }

    /// Goes back to the scope around the current one.
    pub(super) fn leave(&mut self, around: Option<usize>) {
        self.current = around;
    }

    /// The assignments of variables that a scope further out assigns as well.
    fn shadowing(&self) -> impl Iterator<Item = &Assignment<'t>> {
        let mut assigned: HashMap<&str, HashSet<Option<usize>>> = HashMap::new();
        for one in &self.assignments {
            assigned.entry(one.name).or_default().insert(one.scope);
        }
        self.assignments.iter().filter(move |one| {
            let outer = |scope: &Option<usize>| scope.and_then(|scope| self.outer[scope]).map(Some);
            std::iter::successors(outer(&one.scope), outer)
                .any(|scope| assigned[one.name].contains(&scope))
        })
    }
}

impl<'t> Checker<'t> {
    /// `Assign`.
    pub(super) fn assign(&mut self, object: &Object<'t>) -> Option<Payload> {
        let place = object.get("Assign")?;
        for field in self.object(&place)?.fields {
            self.assignment(&place.field(field));
        }
        if self.is_jsonata() {
            return self.query_at(&place).map(Payload::Jsonata);
        }
        self.template(object, "Assign").map(Payload::JsonPath)
    }

    fn assignment(&mut self, place: &Place<'t>) {
        let name = place.field_name();
        let name = if self.is_jsonata() { name } else { name.strip_suffix(".$").unwrap_or(name) };
        if !variable::is_name(name) || name == variable::RESERVED {
            self.invalid_variable(place, name);
        }
        let scope = self.scopes.current;
        self.scopes.assignments.push(Assignment { scope, name, place: place.clone() });
    }

    fn invalid_variable(&mut self, place: &Place<'t>, name: &str) {
        let help = if name == variable::RESERVED {
            "the language keeps this name for itself".to_owned()
        } else {
            let max = variable::NAME_LENGTH_MAX;
            format!("a letter, then letters, digits and `_`, at most {max} characters")
        };
        let message = format!("'{name}' is not a valid variable name");
        self.findings.name(Code::InvalidVariableName, place, message).help(help);
    }

    /// Reports variables that are assigned although a scope further out assigns them.
    pub(super) fn check_scopes(&mut self) {
        let scopes = std::mem::take(&mut self.scopes);
        for one in scopes.shadowing() {
            let message = format!("Variable '{}' is already assigned in an outer scope", one.name);
            self.findings.name(Code::VariableOfOuterScope, &one.place, message).help(
                "branches and item processors can read the variables around them, not assign them; \
                 choose another name",
            );
        }
    }
}
