//! `stepwell.toml` and the environment, read into what the program runs with.
//!
//! Responsible for: types, unknown keys, places of mistakes. All mistakes that can be told apart are told at
//! once. Left to others: what the settings do.

mod node;
mod problem;
pub(crate) mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use stepwell_asl::suggest::closest;
use stepwell_schedule::Schedule;

use self::node::{Entry, Node, Table, Value};
pub(crate) use self::problem::{Place, Problem};

/// The name of the file in a project's folder.
pub(crate) const FILE: &str = "stepwell.toml";

/// The pipelines that are built in.
pub(crate) const PIPELINES: [&str; 1] = ["canvas"];

/// What a project runs with.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// `[store]`
    pub(crate) store: Store,
    /// `[pipelines.canvas]`
    pub(crate) canvas: Option<Canvas>,
    /// `[state-machines.*]`
    pub(crate) state_machines: BTreeMap<String, StateMachine>,
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

/// `[pipelines.canvas]`
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    /// When it starts by itself.
    pub(crate) trigger: Option<Trigger>,
    /// The pipeline's own settings.
    pub(crate) settings: stepwell_canvas::Settings,
}

/// `[state-machines.<name>]`
#[derive(Debug)]
pub(crate) struct StateMachine {
    /// The file with the definition, relative to the project's folder.
    pub(crate) definition: PathBuf,
    /// When it starts by itself.
    pub(crate) trigger: Option<Trigger>,
}

/// When something starts by itself, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    /// When.
    pub(crate) schedule: Schedule,
    /// With this input: JSON. Otherwise with the default one.
    pub(crate) input: Option<String>,
    /// Also while an execution of the same state machine runs.
    pub(crate) allow_overlap: bool,
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub(crate) struct Mistakes {
    /// The file, as it was asked for.
    pub(crate) file: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// At least one.
    pub(crate) problems: Vec<Problem>,
}

impl Config {
    /// Reads the configuration of the project in `root`. A file that is missing counts as empty.
    pub(crate) fn load(root: &Path) -> Result<Self, Mistakes> {
        let file = root.join(FILE);
        let variables: Vec<_> = variables::all().collect();
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                Self::parse(&text, &variables).map_err(|problems| Mistakes { file, text, problems })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::parse("", &variables).map_err(|problems| Mistakes {
                    file,
                    text: String::new(),
                    problems,
                })
            }
            Err(error) => {
                let problems =
                    vec![Problem::new(Place::Unknown, format!("the file cannot be read: {error}"))];
                Err(Mistakes { file, text: String::new(), problems })
            }
        }
    }

    fn parse(text: &str, variables: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        let (document, errors) = toml::de::DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(syntax_problem).collect());
        }
        let root = node::table(document.into_inner()).map_err(|problem| vec![problem])?;
        let mut reader = Reader { problems: Vec::new() };
        let config = reader.config(root, variables);
        if reader.problems.is_empty() {
            return Ok(config);
        }
        reader.problems.sort_by_key(|problem| problem.place.start());
        Err(reader.problems)
    }
}

fn syntax_problem(error: &toml::de::Error) -> Problem {
    let place = error.span().map_or(Place::Unknown, Place::File);
    Problem::new(place, error.message().to_owned())
}

/// Reads section by section and collects what is wrong.
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn config(&mut self, mut root: Table, variables: &[(String, String)]) -> Config {
        let store = self.section(root.remove("store"));
        let pipelines = self.section(root.remove("pipelines"));
        let state_machines = self.section(root.remove("state-machines"));
        for (key, entry) in root {
            self.problems.push(unknown_section(&key).at(&entry.key));
        }
        Config {
            store: self.store(store, variables),
            canvas: self.canvas(pipelines, variables),
            state_machines: self.state_machines(state_machines),
        }
    }

    /// The table of a section; an empty one if it is missing or no table.
    fn section(&mut self, entry: Option<Entry>) -> Table {
        match entry.map(|entry| entry.node) {
            None => Table::new(),
            Some(Node { value: Value::Table(table), .. }) => table,
            Some(Node { place, .. }) => {
                self.problems.push(Problem::new(place, "expected a table"));
                Table::new()
            }
        }
    }

    fn store(&mut self, mut table: Table, variables: &[(String, String)]) -> Store {
        variables::override_store(&mut table, variables);
        self.typed(table, &Place::Unknown).unwrap_or_default()
    }

    fn canvas(&mut self, mut sections: Table, variables: &[(String, String)]) -> Option<Canvas> {
        let [name] = PIPELINES;
        let section = sections.remove(name);
        for (name, entry) in sections {
            self.problems.push(unknown_pipeline(&name).at(&entry.key));
        }
        let written = section.is_some();
        let mut table = self.section(section);
        variables::override_pipeline(&mut table, name, variables);
        if !written && table.is_empty() {
            return None;
        }
        let trigger = self.trigger(&mut table);
        Some(Canvas { trigger, settings: self.typed(table, &Place::Unknown)? })
    }

    fn state_machines(&mut self, sections: Table) -> BTreeMap<String, StateMachine> {
        let mut machines = BTreeMap::new();
        for (name, entry) in sections {
            let place = entry.key.clone();
            if let Some(machine) = self.state_machine(&name, entry) {
                if PIPELINES.contains(&name.as_str()) {
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
        let typed: DefinitionSection = self.typed(table, &place)?;
        Some(StateMachine { definition: typed.definition, trigger })
    }

    /// Takes the keys about schedules out of a section.
    fn trigger(&mut self, table: &mut Table) -> Option<Trigger> {
        let keys: Table = TriggerSection::KEYS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?)))
            .collect();
        let places: BTreeMap<_, _> = keys
            .iter()
            .map(|(key, entry)| (key.clone(), (entry.key.clone(), entry.node.place.clone())))
            .collect();
        let section: TriggerSection = self.typed(keys, &Place::Unknown)?;
        let Some(expression) = section.schedule else {
            for (key, (place, _)) in places {
                let message = format!("`{key}` says nothing without a `schedule`");
                self.problems.push(Problem::new(place, message));
            }
            return None;
        };
        match Schedule::parse(&expression, section.timezone.as_deref().unwrap_or("UTC")) {
            Ok(schedule) => Some(Trigger {
                schedule,
                input: section.input.map(|input| input.0.to_string()),
                allow_overlap: section.allow_overlap,
            }),
            Err(error) => {
                let key = if error.span.is_empty() && section.timezone.is_some() {
                    "timezone"
                } else {
                    "schedule"
                };
                self.problems.push(schedule_problem(&error, &places[key].1));
                None
            }
        }
    }

    /// Types a section. After a mistake it goes on without the entry that holds it, to find the others.
    fn typed<T: DeserializeOwned>(&mut self, mut table: Table, section: &Place) -> Option<T> {
        let before = self.problems.len();
        loop {
            match T::deserialize(table_node(table.clone())) {
                Ok(typed) => return (self.problems.len() == before).then_some(typed),
                Err(problem) => {
                    let guilty = table.iter().find(|(_, entry)| entry.holds(&problem.place));
                    let guilty = guilty.map(|(key, _)| key.clone());
                    self.problems.push(meant_trigger(problem, guilty.as_deref()).at(section));
                    table.remove(&guilty?);
                }
            }
        }
    }
}

/// The keys about schedules have been taken out of a section: a misspelt one is still in it.
fn meant_trigger(problem: Problem, key: Option<&str>) -> Problem {
    let key = key.filter(|_| problem.is_unknown_key);
    match key.and_then(|key| closest(key, TriggerSection::KEYS)) {
        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
        None => problem,
    }
}

fn table_node(table: Table) -> Node {
    Node { place: Place::Unknown, value: Value::Table(table) }
}

/// Points inside the string: its bytes follow the opening quote, as long as it has no escapes.
fn schedule_problem(error: &stepwell_schedule::ParseError, place: &Place) -> Problem {
    let place = match place {
        Place::File(span) if !error.span.is_empty() => {
            let start = span.start + 1 + error.span.start;
            Place::File(start..(start + error.span.len()).min(span.end))
        }
        whole => whole.clone(),
    };
    Problem { help: error.help.clone(), ..Problem::new(place, error.message.clone()) }
}

fn unknown_section(key: &str) -> Problem {
    let not_yet = |what: &str| {
        Problem::new(Place::Unknown, format!("`[{key}]` is not supported yet"))
            .help(what.to_owned())
    };
    match key {
        "services" => not_yet("every service is the embedded one; remove the section"),
        "functions" => not_yet(
            "the functions of the built-in pipelines are there without it; remove the section",
        ),
        _ => Problem::unknown_key(key, ["store", "pipelines", "state-machines"]),
    }
}

fn unknown_pipeline(name: &str) -> Problem {
    let help = match closest(name, PIPELINES) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "the built-in pipelines are `canvas`; your own belong under `[state-machines.<name>]`"
                .to_owned()
        }
    };
    Problem::new(Place::Unknown, format!("there is no pipeline `{name}`")).help(help)
}

/// `definition = "pipelines/qc.asl.json"`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DefinitionSection {
    definition: PathBuf,
}

/// The keys about schedules, the same in every section that has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerSection {
    schedule: Option<String>,
    timezone: Option<String>,
    input: Option<Json>,
    #[serde(default)]
    allow_overlap: bool,
}

impl TriggerSection {
    const KEYS: [&str; 4] = ["schedule", "timezone", "input", "allow_overlap"];
}

/// JSON: a TOML table, or its text.
struct Json(serde_json::Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => serde_json::from_str(&text)
                .map(Self)
                .map_err(|error| serde::de::Error::custom(format!("this is not JSON: {error}"))),
            value => Ok(Self(value)),
        }
    }
}
