//! `[triggers.http.<name>]` and `[triggers.queue.<name>]`: what starts executions from outside, beside schedules.

use std::collections::BTreeMap;

use serde::Deserialize;
use stepwell_pipeline::secret::SecretRef;

use super::node::{Entry, place_of};
use super::pipelines::exposed;
use super::problem::{Place, Problem};
use super::reader::Reader;
use crate::triggers::Field;

/// Paths that the server answers itself.
const TAKEN: [&str; 3] = ["/", "/healthz", "/metrics"];

/// Where the server's own routes lie.
const OWN: &str = "/_stepwell";

const MAX_BODY_BYTES: usize = 262_144;
/// An input has at most 256 KiB; white space may come on top of it.
const BODY_BYTES: std::ops::RangeInclusive<usize> = 1..=4 * MAX_BODY_BYTES;
const MAX_ATTEMPTS: u32 = 5;

/// All triggers, by name.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    /// `[triggers.http.*]`
    pub(crate) http: BTreeMap<String, Http>,
    /// `[triggers.queue.*]`
    pub(crate) queues: BTreeMap<String, Queue>,
}

/// A route that starts executions.
///
/// ```toml
/// [triggers.http.qc]
/// state_machine = "stream-qc"
/// path = "/qc"
/// token = "secret:qc/token"
/// fields = { GroupID = "string", StreamID = "string", "Data.uri" = "string?" }
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Http {
    /// What starts, by its name.
    pub(crate) state_machine: String,
    /// Where a `POST` starts it.
    pub(crate) path: String,
    /// What callers must have in `Authorization: Bearer`.
    pub(crate) token: Option<SecretRef>,
    /// What inputs must look like.
    pub(crate) fields: Vec<Field>,
    /// The largest input.
    pub(crate) max_body_bytes: usize,
    /// Where `state_machine` is written.
    pub(crate) place: Place,
}

/// A queue whose messages start executions.
///
/// ```toml
/// [triggers.queue.qc]
/// state_machine = "stream-qc"
/// queue = "qc-requests.fifo"
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the keys of the section")]
pub(crate) struct Queue {
    /// What starts, by its name.
    pub(crate) state_machine: String,
    /// A name, or the URL of an SQS FIFO queue.
    pub(crate) queue: String,
    /// The queue of dead letters, where the queue's redrive policy names none.
    pub(crate) dead_letter_queue: Option<String>,
    /// What inputs must look like.
    pub(crate) fields: Vec<Field>,
    /// A message that was received so often without an execution is dead.
    pub(crate) max_attempts: u32,
    /// Where `state_machine` is written.
    pub(crate) place: Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpSection {
    state_machine: String,
    path: String,
    token: Option<SecretRef>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    max_body_bytes: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueSection {
    state_machine: String,
    queue: String,
    dead_letter_queue: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    max_attempts: Option<u32>,
}

impl Reader {
    /// The triggers, and the secrets that stand in the file as they are.
    pub(super) fn triggers_section(&mut self, entry: Option<Entry>) -> (Triggers, Vec<Problem>) {
        let mut table = self.section(entry);
        let (mut triggers, mut warnings) = (Triggers::default(), Vec::new());
        for (name, entry) in self.section(table.remove("http")) {
            if let Some((trigger, warning)) = self.http_trigger(&name, entry, &triggers.http) {
                triggers.http.insert(name, trigger);
                warnings.extend(warning);
            }
        }
        for (name, entry) in self.section(table.remove("queue")) {
            let read = self.queue_trigger(entry);
            triggers.queues.extend(read.map(|trigger| (name, trigger)));
        }
        for (key, entry) in table {
            self.problems.push(Problem::unknown_key(&key, ["http", "queue"]).at(&entry.key));
        }
        (triggers, warnings)
    }

    fn http_trigger(
        &mut self,
        name: &str,
        entry: Entry,
        others: &BTreeMap<String, Http>,
    ) -> Option<(Http, Option<Problem>)> {
        let section = entry.key.clone();
        let table = self.section(Some(entry));
        let place = |key| place_of(&table, key, &section);
        let (machine, path, secret, fields_at, body) = (
            place("state_machine"),
            place("path"),
            place("token"),
            place("fields"),
            place("max_body_bytes"),
        );
        let typed: HttpSection = self.typed(table, &section)?;
        let fields = self.fields(&typed.fields, &fields_at)?;
        if let Some(problem) = path_problem(&typed.path, others) {
            self.problems.push(problem.at(&path));
            return None;
        }
        let max_body_bytes = typed.max_body_bytes.unwrap_or(MAX_BODY_BYTES);
        if !BODY_BYTES.contains(&max_body_bytes) {
            let problem = Problem::new(body, format!("`max_body_bytes` is {max_body_bytes}"));
            let (least, most) = (BODY_BYTES.start(), BODY_BYTES.end());
            self.problems.push(problem.help(format!("write {least} to {most}")));
            return None;
        }
        let is_literal = matches!(typed.token, Some(SecretRef::Literal(_)));
        let warning = is_literal.then(|| exposed("token", &secret, &format!("{name}/token")));
        let http = Http {
            state_machine: typed.state_machine,
            path: typed.path,
            token: typed.token,
            fields,
            max_body_bytes,
            place: machine,
        };
        Some((http, warning.flatten()))
    }

    fn queue_trigger(&mut self, entry: Entry) -> Option<Queue> {
        let section = entry.key.clone();
        let table = self.section(Some(entry));
        let (machine, attempts, fields_at) = (
            place_of(&table, "state_machine", &section),
            place_of(&table, "max_attempts", &section),
            place_of(&table, "fields", &section),
        );
        let typed: QueueSection = self.typed(table, &section)?;
        let fields = self.fields(&typed.fields, &fields_at)?;
        let max_attempts = typed.max_attempts.unwrap_or(MAX_ATTEMPTS);
        if max_attempts == 0 {
            let problem = Problem::new(attempts, "`max_attempts` is 0");
            self.problems.push(problem.help("write how often a message is tried: 1 or more"));
            return None;
        }
        Some(Queue {
            state_machine: typed.state_machine,
            queue: typed.queue,
            dead_letter_queue: typed.dead_letter_queue,
            fields,
            max_attempts,
            place: machine,
        })
    }

    fn fields(&mut self, written: &BTreeMap<String, String>, place: &Place) -> Option<Vec<Field>> {
        let parsed: Result<Vec<_>, _> =
            written.iter().map(|(path, kind)| Field::parse(path, kind)).collect();
        parsed.map_err(|error| self.problems.push(Problem::new(place.clone(), error))).ok()
    }
}

fn path_problem(path: &str, others: &BTreeMap<String, Http>) -> Option<Problem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let problem = |message: String| Some(Problem::new(Place::Unknown, message));
    if !path.starts_with('/') || !path.chars().all(is_plain) || path.contains("//") {
        let problem = problem(format!("`{path}` is no path"));
        return problem
            .map(|it| it.help("write for instance \"/qc\": `/`, letters, digits and `-_.~`"));
    }
    if TAKEN.contains(&path) || path.starts_with(OWN) {
        return problem(format!("the server itself answers `{path}`; choose another path"));
    }
    let other = others.iter().find(|(_, other)| other.path == path)?;
    problem(format!("`[triggers.http.{}]` has the path `{path}` too", other.0))
}
