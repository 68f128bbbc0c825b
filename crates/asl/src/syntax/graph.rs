//! The transitions of one scope: do they lead somewhere, is every state reached, does it end?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Checker;
use super::place::{Object, Place};
use super::source::{Field, Shape};
use crate::diagnostic::Code;
use crate::model::{StateId, Transition};
use crate::{Diagnostic, suggest};

/// The states that may name each other as targets: those of the machine, of one branch or of one item
/// processor.
pub(super) struct Scope<'t> {
    /// Sorted, so that suggestions do not depend on chance.
    names: BTreeMap<&'t str, StateId>,
    exits: HashMap<StateId, Exits>,
    /// The state that is being read.
    current: StateId,
}

/// Where a state leads.
#[derive(Debug, Default)]
struct Exits {
    targets: Vec<StateId>,
    /// The execution, branch or iteration can end here.
    may_end: bool,
    /// What it says of where it leads cannot be read; nothing follows from it.
    unknown: bool,
}

impl<'t> Scope<'t> {
    pub(super) fn new(states: &'t [Field], ids: &HashMap<usize, StateId>) -> Self {
        let mut names = BTreeMap::new();
        for state in states {
            names.entry(state.name.as_str()).or_insert(ids[&state.node.span.start]);
        }
        Self { names, exits: HashMap::new(), current: StateId(0) }
    }

    pub(super) fn enter(&mut self, state: StateId) {
        self.current = state;
        self.exits.entry(state).or_default();
    }

    /// The state that is being read can end the execution.
    pub(super) fn may_end(&mut self) {
        self.exits.entry(self.current).or_default().may_end = true;
    }

    /// It cannot be read where the state leads.
    pub(super) fn leads_somewhere(&mut self) {
        self.exits.entry(self.current).or_default().unknown = true;
    }

    fn leads_to(&mut self, target: StateId) {
        self.exits.entry(self.current).or_default().targets.push(target);
    }

    pub(super) fn id(&self, name: &str) -> Option<StateId> {
        self.names.get(name).copied()
    }

    fn reached_from(&self, start: StateId) -> BTreeSet<StateId> {
        let mut reached = BTreeSet::from([start]);
        let mut pending = vec![start];
        while let Some(state) = pending.pop() {
            let targets = self.exits.get(&state).map_or(&[][..], |exits| &exits.targets);
            pending.extend(targets.iter().copied().filter(|target| reached.insert(*target)));
        }
        reached
    }

    /// The states that any state names.
    fn named(&self) -> BTreeSet<StateId> {
        self.exits.values().flat_map(|exits| &exits.targets).copied().collect()
    }
}

impl<'t> Checker<'t> {
    /// `Next` or `End`.
    pub(super) fn transition(
        &mut self,
        object: &Object<'t>,
        scope: &mut Scope<'t>,
    ) -> Option<Transition> {
        let Some(place) = self.one_of(object, &["Next", "End"], true) else {
            scope.leads_somewhere();
            return None;
        };
        if place.field_name() == "Next" {
            return self.next(&place, scope).map(Transition::Next);
        }
        scope.may_end();
        if self.boolean(&place)? {
            return Some(Transition::End);
        }
        let message = "The field 'End' should have one of these values: [true]";
        self.findings
            .value(Code::InvalidValue, &place, message)
            .help("name the state that follows in `Next`, or say `\"End\": true`");
        None
    }

    /// A transition to the state that `place` names.
    pub(super) fn next(&mut self, place: &Place<'t>, scope: &mut Scope<'t>) -> Option<StateId> {
        if self.string(place).is_none() {
            scope.leads_somewhere();
            return None;
        }
        let target = self.target(place, scope)?;
        scope.leads_to(target);
        Some(target)
    }

    /// The state that `place` names.
    pub(super) fn target(&mut self, place: &Place<'t>, scope: &Scope<'t>) -> Option<StateId> {
        let name = self.string(place)?;
        if let Some(id) = scope.id(name) {
            return Some(id);
        }
        let help = if self.names.contains_key(name) {
            Some(format!(
                "`{name}` stands in another scope; a transition cannot enter or leave a branch or an \
                 item processor"
            ))
        } else {
            self.closest_state(name, scope).map(|meant| format!("did you mean `{meant}`?"))
        };
        let message = format!("Missing 'Next' target: {name}");
        self.findings.value(Code::MissingTarget, place, message).maybe_help(help);
        None
    }

    /// Looks for a state that was perhaps meant. Gives up once very many names were compared, so that a
    /// definition full of wrong names is still read quickly.
    fn closest_state(&mut self, name: &str, scope: &Scope<'t>) -> Option<&'t str> {
        const COMPARISONS_MAX: usize = 20_000;
        self.comparisons += scope.names.len();
        if self.comparisons > COMPARISONS_MAX {
            return None;
        }
        suggest::closest(name, scope.names.keys().copied())
    }

    /// Reports states that nothing leads to. As AWS does, a scope without any end is reported instead, and a
    /// state that another state names is accepted; if that other one is not reached either, it is warned of.
    pub(super) fn check_graph(
        &mut self,
        states: &Object<'t>,
        scope: &Scope<'t>,
        start_at: Option<StateId>,
    ) {
        if scope.exits.values().any(|exits| exits.unknown) {
            return;
        }
        if !scope.exits.values().any(|exits| exits.may_end) {
            self.findings
                .object(Code::NoTerminalState, &states.place, "Workflow has no terminal state")
                .without_location()
                .help("let one state end with `\"End\": true`, or lead to a Succeed or Fail state");
            return;
        }
        let reached = start_at.map(|start| scope.reached_from(start)).unwrap_or_default();
        let named = scope.named();
        for (i, field) in states.fields.iter().enumerate() {
            let Some(id) = scope.id(&field.name).filter(|id| !reached.contains(id)) else {
                continue;
            };
            let place = states.place.field(field);
            if !named.contains(&id) {
                let help = Self::how_to_reach(&states.fields[..i], &field.name);
                self.unreachable(&place).help(help);
            } else if start_at.is_some() {
                let help = "only states that are not reachable themselves lead to it";
                self.unreachable(&place).help(help).warning();
            }
        }
    }

    fn unreachable(&mut self, place: &Place<'t>) -> &mut Diagnostic {
        let message = format!("State \"{}\" is not reachable.", place.field_name());
        self.findings.name(Code::UnreachableState, place, message)
    }

    /// The state written before may end where it should go on.
    fn how_to_reach(before: &[Field], name: &str) -> String {
        let ends = |state: &&Field| {
            let end = super::member(&state.node, "End").map(|end| &end.shape);
            matches!(end, Some(Shape::Bool(true)))
        };
        match before.last().filter(ends) {
            Some(previous) => format!(
                "`{}` ends with `\"End\": true`; did you mean `\"Next\": \"{name}\"`?",
                previous.name
            ),
            None => "no `StartAt`, `Next`, `Default` or `Catch` names it".to_owned(),
        }
    }
}
