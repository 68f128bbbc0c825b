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
    /// What it was read from.
    pub(crate) source: Source,
    /// What works but should not stay so.
    pub(crate) warnings: Vec<Problem>,
    /// `[store]`
    pub(crate) store: Store,
    /// `[pipelines.canvas]`
    pub(crate) canvas: Option<Canvas>,
    /// `[state-machines.*]`
    pub(crate) state_machines: BTreeMap<String, StateMachine>,
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

/// `[pipelines.canvas]`
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    /// When it starts by itself.
    pub(crate) trigger: Option<Trigger>,
    /// The pipeline's own settings.
    pub(crate) settings: stepwell_canvas::Settings,
    /// Where the section begins.
    pub(crate) place: Place,
    /// Where the value of each setting stands.
    pub(crate) places: BTreeMap<String, Place>,
}

impl Canvas {
    /// A problem of the settings, with its place.
    pub(crate) fn placed(&self, problem: &stepwell_canvas::config::Problem) -> Problem {
        let given_by = problem.variable.filter(|_| !problem.is_missing);
        let place = match (self.places.get(problem.key), given_by) {
            (Some(place), _) => place.clone(),
            (None, Some(variable)) => Place::Variable(variable.to_owned()),
            (None, None) => self.place.clone(),
        };
        Problem::new(place, problem.message.clone()).help(problem.help.clone())
    }

    /// The secrets that stand in the file as they are.
    fn exposed(&self) -> impl Iterator<Item = Problem> {
        let in_file = |key| self.places.get(key).filter(|place| matches!(place, Place::File(_)));
        self.settings.literal_secrets().into_iter().filter_map(move |(key, secret)| {
            let message = format!("`{key}` holds the secret itself: who can read this file can use it");
            let help = format!(
                "keep it with `stepwell secret set {secret}`, and write `{key} = \"secret:{secret}\"`"
            );
            Some(Problem::new(in_file(key)?.clone(), message).help(help))
        })
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

/// Reads section by section and collects what is wrong.
struct Reader {
    variables: Vec<(String, String)>,
    problems: Vec<Problem>,
}

impl Reader {
    fn config(&mut self, mut root: Table) -> Config {
        let store = root.remove_entry("store").into_iter().collect();
        let pipelines = self.section(root.remove("pipelines"));
        let state_machines = self.section(root.remove("state-machines"));
        let keys = variables::take_root(&mut root, &self.variables);
        for (key, entry) in root {
            self.problems.push(unknown_section(&key).at(&entry.key));
        }
        let canvas = self.canvas(pipelines);
        Config {
            source: Source::default(),
            warnings: canvas.iter().flat_map(Canvas::exposed).collect(),
            store: self.store(store),
            canvas,
            state_machines: self.state_machines(state_machines),
            aws_limits: self.typed::<Root>(keys, &Place::Unknown).unwrap_or_default().aws_limits,
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

    fn store(&mut self, mut root: Table) -> Store {
        let mut table = self.section(root.remove("store"));
        variables::override_store(&mut table, &self.variables);
        self.typed(table, &Place::Unknown).unwrap_or_default()
    }

    fn canvas(&mut self, mut sections: Table) -> Option<Canvas> {
        let [name] = PIPELINES;
        let section = sections.remove(name);
        for (name, entry) in sections {
            self.problems.push(unknown_pipeline(&name).at(&entry.key));
        }
        let place = section.as_ref().map(|entry| entry.key.clone());
        let mut table = self.section(section);
        variables::override_pipeline(&mut table, name, &self.variables);
        if place.is_none() && table.is_empty() {
            return None;
        }
        let trigger = self.trigger(&mut table);
        let value_place = |(key, entry): (&String, &Entry)| (key.clone(), entry.node.place.clone());
        let places = table.iter().map(value_place).collect();
        // Also after a mistake, to find the others.
        let settings: stepwell_canvas::Settings = self.as_far_as_typed(table, &Place::Unknown)?;
        let canvas = Canvas { trigger, settings, place: place.unwrap_or_default(), places };
        let problems = canvas.settings.problems(|name| self.variable(name));
        // What is missing counts only once the pipeline is to run.
        let wrong = problems.iter().filter(|problem| !problem.is_missing);
        self.problems.extend(wrong.map(|problem| canvas.placed(problem)));
        Some(canvas)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
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
        let written = table.get("definition").map(|entry| entry.node.place.clone());
        let typed: DefinitionSection = self.typed(table, &place)?;
        let place = written.unwrap_or(place);
        Some(StateMachine { definition: typed.definition, place, trigger })
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
        let zone = section.timezone.as_deref().unwrap_or("UTC");
        let schedule = Schedule::parse(&expression, zone);
        for (key, error) in schedule_errors(&expression, zone, schedule.as_ref().err()) {
            self.problems.push(schedule_problem(&error, &places[key].1));
        }
        Some(Trigger {
            schedule: schedule.ok()?,
            input: section.input.map(|input| input.0.to_string()),
            allow_overlap: section.allow_overlap,
        })
    }

    /// Types a section that holds no mistake.
    fn typed<T: DeserializeOwned>(&mut self, table: Table, section: &Place) -> Option<T> {
        let before = self.problems.len();
        let typed = self.as_far_as_typed(table, section)?;
        (self.problems.len() == before).then_some(typed)
    }

    /// Types a section. After a mistake it goes on without the entry that holds it, to find the others.
    fn as_far_as_typed<T: DeserializeOwned>(
        &mut self,
        mut table: Table,
        section: &Place,
    ) -> Option<T> {
        loop {
            match T::deserialize(table_node(table.clone())) {
                Ok(typed) => return Some(typed),
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

/// What is wrong with the time zone and with the expression, each under its key: one must not hide the other.
fn schedule_errors(
    expression: &str,
    zone: &str,
    found: Option<&stepwell_schedule::ParseError>,
) -> Vec<(&'static str, stepwell_schedule::ParseError)> {
    if found.is_none() {
        return Vec::new();
    }
    let of_zone = Schedule::parse("rate(1 day)", zone).err();
    let zone = if of_zone.is_some() { "UTC" } else { zone };
    let of_expression = Schedule::parse(expression, zone).err();
    let of_zone = of_zone.map(|error| ("timezone", error));
    of_zone.into_iter().chain(of_expression.map(|error| ("schedule", error))).collect()
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
        _ => Problem::unknown_key(
            key,
            ["store", "pipelines", "state-machines", variables::AWS_LIMITS_KEY],
        ),
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
