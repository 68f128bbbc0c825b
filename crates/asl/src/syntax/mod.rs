//! The JSON shape of a definition, and its validation into a [`StateMachine`].
//!
//! Responsible for: finding everything that is wrong, each with its place. Left to others: whether a
//! `Resource` is there and who serves it (the router), and what the fields mean ([`crate::model`]).
//!
//! One pass over the JSON tree reads and checks each state with the help of `fields`; the `graph` of
//! transitions is checked scope by scope (the machine, each branch, each item processor) once its states
//! are read.

mod allowed;
mod distributed;
mod error_handling;
mod fields;
mod graph;
mod language;
mod place;
mod resource;
mod rules;
mod source;
mod states;
mod variables;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::json::{self, NotJson};
use crate::model::{State, StateId, WorkflowType};
use crate::{Diagnostic, Severity, Span, StateMachine};
use graph::Scope;
use place::{Findings, Object, Place};
use source::{Node, Shape};

/// Parses and validates a definition. Gives everything it can: all findings at once, in the order of the
/// text, and the machine if none of them is an error.
///
/// ```
/// let (machine, findings) = stepwell_asl::parse(
///     r#"{"StartAt": "Lod", "States": {"Load": {"Type": "Pass", "End": true}}}"#,
/// );
/// assert!(machine.is_none());
/// assert_eq!(findings[0].pointer, "/StartAt");
/// assert_eq!(findings[0].help.as_deref(), Some("did you mean `Load`?"));
/// ```
pub fn parse(text: &str) -> (Option<StateMachine>, Vec<Diagnostic>) {
    parse_as(text, WorkflowType::Standard)
}

/// Parses and validates a definition of a state machine of a type.
pub fn parse_as(text: &str, workflow: WorkflowType) -> (Option<StateMachine>, Vec<Diagnostic>) {
    parse_text(text, workflow, Reading::New)
}

/// Parses a definition that some version accepted: it means what it meant then, whatever is refused today.
pub fn parse_kept(text: &str, workflow: WorkflowType) -> (Option<StateMachine>, Vec<Diagnostic>) {
    parse_text(text, workflow, Reading::Kept)
}

/// How a definition is read: rules that came later count for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reading {
    /// It is to be created.
    #[default]
    New,
    /// It was accepted before. Refused since then: backslashes before any character in texts of intrinsic functions, other
    /// tests beside `And`, `Or` and `Not`, labels given twice, `x` beside `x.$`, fields of `$states` where they are not there.
    Kept,
}

fn parse_text(
    text: &str,
    workflow: WorkflowType,
    reading: Reading,
) -> (Option<StateMachine>, Vec<Diagnostic>) {
    let root = match source::read(text) {
        Ok(root) => root,
        Err(error) => return (None, vec![not_json(text, error)]),
    };
    if !matches!(root.shape, Shape::Object(_)) {
        return (None, vec![not_an_object(root.span)]);
    }
    let mut checker = Checker { workflow, reading, ..Checker::default() };
    checker.collect_names(&root);
    let machine = checker.machine(&Place::root(&root));
    let machine = if checker.findings.has_errors() { None } else { machine };
    (machine, checker.findings.into_list())
}

fn not_json(text: &str, error: NotJson) -> Diagnostic {
    if text.trim().is_empty() {
        return not_an_object(error.span);
    }
    Diagnostic {
        code: Code::InvalidJson,
        severity: Severity::Error,
        pointer: String::new(),
        location: Some(json::source(text, error.line, error.column)),
        span: error.span,
        message: error.reason,
        help: None,
    }
}

fn not_an_object(span: Span) -> Diagnostic {
    Diagnostic {
        code: Code::WrongType,
        severity: Severity::Error,
        pointer: String::new(),
        location: None,
        span,
        message: "Definition must be a valid JSON object".to_owned(),
        help: Some("a definition looks like {\"StartAt\": ..., \"States\": {...}}".to_owned()),
    }
}

/// What is known so far of the definition that is read.
#[derive(Default)]
struct Checker<'t> {
    workflow: WorkflowType,
    reading: Reading,
    findings: Findings,
    states: Vec<State>,
    /// The id of each state by the place of its object in the text, nested states included.
    ids: HashMap<usize, StateId>,
    /// The first state of each name.
    names: HashMap<&'t str, usize>,
    /// The labels of the Map states.
    labels: HashSet<&'t str>,
    scopes: variables::Scopes<'t>,
    references: variables::References,
    machine_language: language::Language,
    current: language::Current,
    /// How many names were compared in search of one that was perhaps meant.
    comparisons: usize,
}

impl<'t> Checker<'t> {
    /// Numbers the states, nested ones included, in the order of the text, before anything refers to one.
    fn collect_names(&mut self, machine: &'t Node) {
        let Some(Shape::Object(states)) = member(machine, "States").map(|node| &node.shape) else {
            return;
        };
        for state in states {
            let start = state.node.span.start;
            let id = StateId(u32::try_from(self.ids.len()).expect("a text holds fewer states"));
            self.ids.insert(start, id);
            self.names.entry(&state.name).or_insert(start);
            for processor in ["ItemProcessor", "Iterator"] {
                if let Some(node) = member(&state.node, processor) {
                    self.collect_names(node);
                }
            }
            if let Some(Shape::Array(branches)) = member(&state.node, "Branches").map(|n| &n.shape)
            {
                for branch in branches {
                    self.collect_names(branch);
                }
            }
        }
    }

    fn machine(&mut self, place: &Place<'t>) -> Option<StateMachine> {
        let object = self.object(place)?;
        self.machine_language(&object);
        self.check_fields(&object, allowed::MACHINE);
        self.check_version(&object);
        let comment = self.comment(&object);
        let timeout = object.get("TimeoutSeconds").and_then(|place| self.duration(&place));
        let start_at = self.scope(&object);
        self.check_scopes();
        let start_at = start_at?;
        let mut states = std::mem::take(&mut self.states);
        self.hand_out_references(&mut states);
        states.sort_by_key(|state| state.id);
        Some(StateMachine::new(comment, self.workflow, timeout, start_at, states))
    }

    fn comment(&mut self, object: &Object<'t>) -> Option<String> {
        let place = object.get("Comment")?;
        self.string(&place).map(str::to_owned)
    }

    fn check_version(&mut self, object: &Object<'t>) {
        let Some(place) = object.get("Version") else { return };
        if self.string(&place).is_some_and(|version| version != "1.0") {
            let message = "The field 'Version' should have one of these values: [1.0]";
            self.findings.value(Code::InvalidValue, &place, message);
        }
    }

    /// Reads `StartAt` and `States` of the machine, a branch or an item processor.
    fn scope(&mut self, object: &Object<'t>) -> Option<StateId> {
        self.require(object, &["States", "StartAt"]);
        let states = object.get("States").and_then(|place| self.object(&place));
        let start_at = object.get("StartAt");
        let states = states?;
        if states.fields.is_empty() {
            self.findings.value(Code::EmptyValue, &states.place, "Value cannot be empty");
            return None;
        }
        let mut scope = Scope::new(states.fields, &self.ids);
        let around = self.scopes.enter();
        for field in states.fields {
            self.state(&states.place.field(field), &mut scope);
        }
        self.scopes.leave(around);
        let start_at = start_at?;
        let start_id = self.target(&start_at, &scope);
        if matches!(start_at.node.shape, Shape::String(_)) {
            self.check_graph(&states, &scope, start_id);
        }
        start_id
    }

    /// Reads one state and notes where it leads.
    fn state(&mut self, place: &Place<'t>, scope: &mut Scope<'t>) {
        let id = self.ids[&place.node.span.start];
        self.check_name(place, scope);
        scope.enter(id);
        if let Some(kind) = self.state_kind(place, scope) {
            let name = Arc::from(place.field_name());
            self.states.push(State { id, name, variables: Vec::new(), kind });
        }
    }

    fn check_name(&mut self, place: &Place<'t>, scope: &Scope<'t>) {
        const LENGTH_MAX: usize = 80;
        let name = place.field_name();
        if name.is_empty() || name.chars().count() > LENGTH_MAX {
            let message = format!("State name must be 1 to {LENGTH_MAX} characters long");
            self.findings.name(Code::InvalidStateName, place, message);
        }
        // Twice in one scope is a duplicate field, which is reported already.
        let first = self.ids[&self.names[name]];
        if scope.id(name) != Some(first) {
            let message = format!("Duplicate state name: {name}");
            self.findings.name(Code::DuplicateState, place, message).help(
                "names are unique in the whole machine, branches and item processors included",
            );
        }
    }
}

fn member<'t>(node: &'t Node, name: &str) -> Option<&'t Node> {
    match &node.shape {
        Shape::Object(fields) => {
            fields.iter().find(|field| field.name == name).map(|field| &field.node)
        }
        _ => None,
    }
}
