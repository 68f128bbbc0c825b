//! Variables: their names in `Assign`, the scopes that they belong to, and which state reads which.
//!
//! The states of one `States` object share a scope. Those of a branch or an item processor have a scope of
//! their own; they see the variables of the scopes around it and cannot assign them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Checker;
use super::place::{Object, Place};
use crate::diagnostic::Code;
use crate::jsonpath::Path;
use crate::model::{Payload, State, StateId};
use crate::{jsonata, variable};

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

    /// Whether a variable of this name is assigned anywhere.
    fn assigns(&self, name: &str) -> bool {
        self.assignments.iter().any(|one| one.name == name)
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

/// Which state reads which variables.
#[derive(Debug, Default)]
pub(super) struct References(Vec<Reference>);

#[derive(Debug)]
struct Reference {
    /// The place of the state in the text.
    state: usize,
    name: String,
    /// Whether the name may mean a function as well.
    is_function: bool,
}

impl<'t> Checker<'t> {
    /// Notes the variables that paths of the current state start from.
    pub(super) fn refer_to_paths<'p>(
        &mut self,
        place: &Place<'t>,
        paths: impl IntoIterator<Item = &'p Path>,
    ) {
        for name in paths.into_iter().filter_map(Path::variable) {
            if name == variable::RESERVED {
                let message = "$states is not available in the query language JSONPath";
                self.findings.value(Code::StatesFieldNotHere, place, message).warning().help(
                    "the input is `$`, the context object `$$`; nothing is ever assigned to `$states`",
                );
            }
            self.refer(name, false);
        }
    }

    /// Notes the variables that an expression of the current state reads.
    pub(super) fn refer_to_names(&mut self, expression: &jsonata::Expression) {
        for name in expression.variables().filter(|name| *name != variable::RESERVED) {
            self.refer(name, jsonata::is_function(name));
        }
    }

    fn refer(&mut self, name: &str, is_function: bool) {
        let state = self.current.start;
        self.references.0.push(Reference { state, name: name.to_owned(), is_function });
    }

    /// Gives every state the variables that it reads. What may mean a function means a variable if one is assigned.
    pub(super) fn hand_out_references(&mut self, states: &mut [State]) {
        let mut names: BTreeMap<StateId, BTreeSet<Arc<str>>> = BTreeMap::new();
        for Reference { state, name, is_function } in std::mem::take(&mut self.references).0 {
            if let Some(id) = self.ids.get(&state)
                && (!is_function || self.scopes.assigns(&name))
            {
                names.entry(*id).or_default().insert(name.into());
            }
        }
        for state in states {
            let read = names.remove(&state.id).unwrap_or_default();
            state.variables = read.into_iter().collect();
        }
    }

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
        for one in self.scopes.shadowing() {
            let message = format!("Variable '{}' is already assigned in an outer scope", one.name);
            self.findings.name(Code::VariableOfOuterScope, &one.place, message).help(
                "branches and item processors can read the variables around them, not assign them; \
                 choose another name",
            );
        }
    }
}
