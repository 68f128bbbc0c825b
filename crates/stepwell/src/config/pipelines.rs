//! The sections of the built-in pipelines: `[pipelines.<name>]`.

use std::collections::BTreeMap;

use stepwell_asl::suggest::closest;
use stepwell_pipeline::{Machine, Settings, settings};

use super::node::{Entry, Table, Value};
use super::problem::{Place, Problem, quoted_list};
use super::reader::Reader;
use super::trigger::{self, Trigger};
use super::variables;
use crate::built_in::{self, AnySettings, BuiltIn};

/// The sections that are written, by the name of the pipeline.
pub(crate) type Pipelines = BTreeMap<&'static str, Section>;

/// One section.
pub(crate) struct Section {
    /// The pipeline's own settings.
    pub(crate) settings: Box<dyn AnySettings>,
    /// When its state machines start by themselves, by the name of the state machine.
    triggers: BTreeMap<&'static str, Trigger>,
    /// Where the section begins.
    place: Place,
    /// Where the value of each setting stands; `limits.tables` is one inside a table.
    places: BTreeMap<String, Place>,
}

impl Section {
    /// Settings that are written nowhere.
    pub(crate) fn of(settings: impl Settings) -> Self {
        Self::holding(Box::new(settings))
    }

    /// The section of a pipeline without a word in it.
    pub(crate) fn empty(built_in: &BuiltIn) -> Self {
        Self::holding((built_in.default)())
    }

    fn holding(settings: Box<dyn AnySettings>) -> Self {
        let (triggers, places) = (BTreeMap::new(), BTreeMap::new());
        Self { settings, triggers, place: Place::Unknown, places }
    }

    /// When a state machine of the pipeline starts by itself.
    pub(crate) fn trigger(&self, machine: &str) -> Option<&Trigger> {
        self.triggers.get(machine)
    }

    /// All that is missing or wrong.
    pub(crate) fn problems(&self) -> Vec<settings::Problem> {
        self.settings.problems(&variables::get)
    }

    /// The same, each with its place.
    pub(crate) fn placed_problems(&self) -> Vec<Problem> {
        self.problems().iter().map(|problem| self.placed(problem)).collect()
    }

    /// A problem of the settings, with its place.
    fn placed(&self, problem: &settings::Problem) -> Problem {
        let given_by = problem.variable.filter(|_| !problem.is_missing);
        let place = match (self.places.get(problem.key), given_by) {
            (Some(place), _) => place.clone(),
            (None, Some(variable)) => Place::Variable(variable.to_owned()),
            (None, None) => self.place.clone(),
        };
        Problem::new(place, problem.message.clone()).help(problem.help.clone())
    }

    /// The secrets that stand in the file as they are.
    pub(super) fn exposed(&self) -> impl Iterator<Item = Problem> {
        let secrets = self.settings.literal_secrets().into_iter();
        secrets.filter_map(|(key, secret)| exposed(key, self.places.get(key)?, secret))
    }
}

/// A secret that stands in the file as it is.
pub(super) fn exposed(key: &str, place: &Place, secret: &str) -> Option<Problem> {
    let Place::File(_) = place else { return None };
    let name = key.rsplit('.').next().unwrap_or(key);
    let message = format!("`{name}` holds the secret itself: who can read this file can use it");
    let help = format!(
        "keep it with `stepwell secret set {secret}`, and write `{name} = \"secret:{secret}\"`"
    );
    Some(Problem::new(place.clone(), message).help(help))
}

impl Reader {
    pub(super) fn pipelines(&mut self, mut sections: Table) -> Pipelines {
        let read = |built_in: &'static BuiltIn| {
            let section = self.pipeline(built_in, sections.remove(built_in.name))?;
            Some((built_in.name, section))
        };
        let pipelines = built_in::ALL.iter().filter_map(read).collect();
        for (name, entry) in sections {
            self.problems.push(unknown(&name).at(&entry.key));
        }
        pipelines
    }

    fn pipeline(&mut self, built_in: &BuiltIn, entry: Option<Entry>) -> Option<Section> {
        let place = entry.as_ref().map(|entry| entry.key.clone());
        let mut table = self.section(entry);
        variables::override_pipeline(&mut table, built_in.name, &self.variables);
        if place.is_none() && table.is_empty() {
            return None;
        }
        let triggers = self.triggers(built_in, &mut table);
        let places = places(&table, "");
        // Also after a mistake, to find the others.
        let settings = self.as_far_as_possible(table, &Place::Unknown, built_in.read)?;
        let section = Section { settings, triggers, place: place.unwrap_or_default(), places };
        let problems = section.settings.problems(&|name| self.variable(name));
        // What is missing counts only once the pipeline is to run.
        let wrong = problems.iter().filter(|problem| !problem.is_missing);
        self.problems.extend(wrong.map(|problem| section.placed(problem)));
        Some(section)
    }

    /// Takes out of a section what is about schedules: the keys themselves for the state machine with the
    /// pipeline's name, and a table for each of the others.
    fn triggers(
        &mut self,
        built_in: &BuiltIn,
        table: &mut Table,
    ) -> BTreeMap<&'static str, Trigger> {
        let trigger = |machine: &'static Machine| {
            let trigger = match built_in.word(machine) {
                Some(word) => self.trigger_in_table(word, table),
                None => self.trigger(table),
            };
            Some((machine.name, trigger?))
        };
        built_in.machines.iter().filter_map(trigger).collect()
    }

    /// `[pipelines.data-mesh.reconcile]`, or `STEPWELL_PIPELINES_DATA_MESH_RECONCILE_SCHEDULE`.
    fn trigger_in_table(&mut self, word: &str, section: &mut Table) -> Option<Trigger> {
        let mut table = self.section(section.remove(word));
        for key in trigger::KEYS {
            let long = format!("{word}_{key}");
            let of_variable = |entry: &Entry| matches!(entry.key, Place::Variable(_));
            if section.get(&long).is_some_and(of_variable) {
                table.extend(section.remove(&long).map(|entry| (key.to_owned(), entry)));
            }
        }
        let trigger = self.trigger(&mut table);
        for (key, entry) in table {
            self.problems.push(Problem::unknown_key(&key, trigger::KEYS).at(&entry.key));
        }
        trigger
    }
}

/// The place of every value, by its key; those inside tables by their path.
fn places(table: &Table, prefix: &str) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    for (key, entry) in table {
        let path = format!("{prefix}{key}");
        if let Value::Table(inner) = &entry.node.value {
            found.extend(places(inner, &format!("{path}.")));
        }
        found.insert(path, entry.node.place.clone());
    }
    found
}

fn unknown(name: &str) -> Problem {
    let help = match closest(name, built_in::names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!(
            "the built-in pipelines are {}; your own belong under `[state-machines.<name>]`",
            quoted_list(&built_in::names().collect::<Vec<_>>())
        ),
    };
    Problem::new(Place::Unknown, format!("there is no pipeline `{name}`")).help(help)
}
