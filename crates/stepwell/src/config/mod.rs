//! `stepwell.toml` and the environment, read into what the program runs with.
//!
//! Responsible for: types, unknown keys, places of mistakes. All mistakes that can be told apart are told at
//! once. Left to others: what the settings do.

mod alarms;
mod functions;
mod node;
mod pipelines;
mod problem;
mod reader;
mod services;
mod trigger;
mod triggers;
pub(crate) mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::surroundings::Services;

pub(crate) use self::alarms::{Alarm, MINUTES_MAX, Metric};
pub(crate) use self::node::Node;
use self::node::{Entry, Table};
pub(crate) use self::pipelines::{Pipelines, Section};
pub(crate) use self::problem::{Place, Problem};
use self::reader::Reader;
pub(crate) use self::trigger::Trigger;
pub(crate) use self::triggers::{Queue as QueueTrigger, Triggers};
use crate::built_in;

/// The name of the file in a project's folder.
pub(crate) const FILE: &str = "stepwell.toml";

/// What a project runs with.
#[derive(Default)]
pub(crate) struct Config {
    /// What it was read from.
    pub(crate) source: Source,
    /// What works but should not stay so.
    pub(crate) warnings: Vec<Problem>,
    /// `[store]`
    pub(crate) store: Store,
    /// `[services]`
    pub(crate) services: Services,
    /// `[pipelines.*]`
    pub(crate) pipelines: Pipelines,
    /// `[state-machines.*]`
    pub(crate) state_machines: BTreeMap<String, StateMachine>,
    /// `[triggers.*]`
    pub(crate) triggers: Triggers,
    /// `[functions.*]`
    pub(crate) functions: Vec<stepwell_runner::Function>,
    /// `[alarms.*]`
    pub(crate) alarms: BTreeMap<String, Alarm>,
    /// `[access-keys]`: secret access keys by access key id.
    pub(crate) access_keys: BTreeMap<String, SecretRef>,
    /// Whether executions are held to AWS's limits.
    pub(crate) aws_limits: bool,
}

/// The keys that belong to no section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Root {
    aws_limits: bool,
}

/// `[store]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// The file, relative to the project's folder.
    pub(crate) path: PathBuf,
    /// Days that ended executions are kept; 0 keeps them for ever.
    pub(crate) retention_days: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: PathBuf::from(".stepwell/stepwell.db"), retention_days: 90 }
    }
}

/// `[logs]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logs {
    /// The folder of the server's log files, relative to the project's; without it there are none.
    pub(crate) folder: Option<PathBuf>,
    /// Days that they are kept; 0 keeps them for ever.
    pub(crate) retention_days: u32,
}

impl Default for Logs {
    fn default() -> Self {
        Self { folder: None, retention_days: 14 }
    }
}

impl Logs {
    /// Reads this section alone: the log begins before anything else is read.
    pub(crate) fn load(root: &Path) -> Result<Self, Mistakes> {
        read(root, Reader::logs).map(|(logs, _)| logs)
    }
}

/// `[state-machines.<name>]`
#[derive(Debug)]
pub(crate) struct StateMachine {
    /// The file with the definition, relative to the project's folder.
    pub(crate) definition: PathBuf,
    /// Where that is written.
    pub(crate) place: Place,
    /// When it starts by itself.
    pub(crate) trigger: Option<Trigger>,
}

/// The file that a configuration was read from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// The path, as it was asked for.
    pub(crate) file: PathBuf,
    /// Its text; empty if it is not there.
    pub(crate) text: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub(crate) struct Mistakes {
    /// Where it was read from.
    pub(crate) source: Source,
    /// At least one.
    pub(crate) problems: Vec<Problem>,
}

impl Config {
    /// Reads the configuration of the project in `root`. A file that is missing counts as empty.
    pub(crate) fn load(root: &Path) -> Result<Self, Mistakes> {
        let (config, source) = read(root, Reader::config)?;
        Ok(Self { source, ..config })
    }

    /// Reads who serves which service alone: a definition is checked whatever is wrong elsewhere.
    pub(crate) fn load_services(root: &Path) -> Result<Self, Mistakes> {
        let services = |reader: &mut Reader, mut table: Table| {
            let (services, _warnings) = reader.services(table.remove("services"));
            services
        };
        let (services, source) = read(root, services)?;
        Ok(Self { source, services, ..Self::default() })
    }
}

impl Store {
    /// Reads this section alone: who only looks at the store need not mind what is wrong elsewhere.
    pub(crate) fn load(root: &Path) -> Result<Self, Mistakes> {
        read(root, Reader::store).map(|(store, _)| store)
    }
}

/// Reads the file of a project and takes from it what `take` is about.
fn read<T>(
    root: &Path,
    take: impl FnOnce(&mut Reader, Table) -> T,
) -> Result<(T, Source), Mistakes> {
    let file = root.join(FILE);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            let problems = vec![Problem::new(Place::Unknown, message)];
            return Err(Mistakes { source: Source { file, text: String::new() }, problems });
        }
    };
    let taken = parse(&text, take);
    let source = Source { file, text };
    match taken {
        Ok(taken) => Ok((taken, source)),
        Err(problems) => Err(Mistakes { source, problems }),
    }
}

fn parse<T>(text: &str, take: impl FnOnce(&mut Reader, Table) -> T) -> Result<T, Vec<Problem>> {
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(syntax_problem).collect());
    }
    let root = node::table(document.into_inner()).map_err(|problem| vec![problem])?;
    let mut reader = Reader { variables: variables::all().collect(), problems: Vec::new() };
    let taken = take(&mut reader, root);
    if reader.problems.is_empty() {
        return Ok(taken);
    }
    reader.problems.sort_by_key(|problem| problem.place.start());
    Err(reader.problems)
}

fn syntax_problem(error: &toml::de::Error) -> Problem {
    let place = error.span().map_or(Place::Unknown, Place::File);
    Problem::new(place, error.message().to_owned())
}

impl Reader {
    fn config(&mut self, mut root: Table) -> Config {
        let store = root.remove_entry("store").into_iter().collect();
        let services = root.remove("services");
        let pipelines = self.section(root.remove("pipelines"));
        let state_machines = self.section(root.remove("state-machines"));
        let triggers = root.remove("triggers");
        let logs = root.remove_entry("logs").into_iter().collect();
        let alarms = root.remove("alarms");
        let functions = self.section(root.remove("functions"));
        let access_keys = root.remove("access-keys");
        let keys = variables::take_root(&mut root, &self.variables);
        for (key, entry) in root {
            self.problems.push(unknown_section(&key).at(&entry.key));
        }
        let (services, mut warnings) = self.services(services);
        let pipelines = self.pipelines(pipelines);
        warnings.extend(pipelines.values().flat_map(Section::exposed));
        let (triggers, exposed) = self.triggers_section(triggers);
        warnings.extend(exposed);
        let (access_keys, exposed) = self.access_keys(access_keys);
        warnings.extend(exposed);
        // Whoever writes log files has read them before.
        self.logs(logs);
        Config {
            source: Source::default(),
            warnings,
            store: self.store(store),
            services,
            pipelines,
            state_machines: self.state_machines(state_machines),
            triggers,
            functions: self.functions(functions),
            alarms: self.alarms(alarms),
            access_keys,
            aws_limits: self.typed::<Root>(keys, &Place::Unknown).unwrap_or_default().aws_limits,
        }
    }

    fn store(&mut self, mut root: Table) -> Store {
        let mut table = self.section(root.remove("store"));
        variables::override_store(&mut table, &self.variables);
        self.typed(table, &Place::Unknown).unwrap_or_default()
    }

    fn logs(&mut self, mut root: Table) -> Logs {
        let table = self.section(root.remove("logs"));
        self.typed(table, &Place::Unknown).unwrap_or_default()
    }

    /// Secret access keys by access key id, and those that stand in the file as they are.
    fn access_keys(&mut self, entry: Option<Entry>) -> (BTreeMap<String, SecretRef>, Vec<Problem>) {
        let table = self.section(entry);
        let places: Vec<_> =
            table.iter().map(|(id, entry)| (id.clone(), entry.node.place.clone())).collect();
        let keys: BTreeMap<String, SecretRef> =
            self.typed(table, &Place::Unknown).unwrap_or_default();
        let is_literal = |id: &String| matches!(keys.get(id), Some(SecretRef::Literal(_)));
        let literal = places.iter().filter(|(id, _)| is_literal(id));
        let exposed = literal
            .filter_map(|(id, place)| pipelines::exposed(id, place, &format!("access-keys/{id}")));
        let exposed = exposed.collect();
        (keys, exposed)
    }

    fn state_machines(&mut self, sections: Table) -> BTreeMap<String, StateMachine> {
        let mut machines = BTreeMap::new();
        for (name, entry) in sections {
            let place = entry.key.clone();
            if let Some(machine) = self.state_machine(&name, entry) {
                if built_in::of_machine(&name).is_some() {
                    let message = format!("`{name}` is the name of a built-in pipeline");
                    self.problems.push(
                        Problem::new(place, message).help("give the state machine another name"),
                    );
                }
                machines.insert(name, machine);
            }
        }
        machines
    }

    fn state_machine(&mut self, name: &str, entry: Entry) -> Option<StateMachine> {
        if let Err(error) = stepwell_engine::arn::check_name(name) {
            self.problems.push(Problem::new(entry.key.clone(), error.to_string()));
        }
        let place = entry.key.clone();
        let mut table = self.section(Some(entry));
        let trigger = self.trigger(&mut table);
        let written = table.get("definition").map(|entry| entry.node.place.clone());
        let typed: DefinitionSection = self.typed(table, &place)?;
        let place = written.unwrap_or(place);
        Some(StateMachine { definition: typed.definition, place, trigger })
    }
}

fn unknown_section(key: &str) -> Problem {
    let known = [
        "store",
        "services",
        "pipelines",
        "state-machines",
        "functions",
        "triggers",
        "alarms",
        "access-keys",
        "logs",
        variables::AWS_LIMITS_KEY,
    ];
    Problem::unknown_key(key, known)
}

/// `definition = "pipelines/qc.asl.json"`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DefinitionSection {
    definition: PathBuf,
}
