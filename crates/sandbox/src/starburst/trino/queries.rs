//! Queries, from the statement that was posted to the last page that was fetched.
//!
//! ```text
//!   POST: queued --> waiting (as long as the cluster starts) --> executing, page by page --> the last page
//! ```
//!
//! A statement runs when the page is fetched that tells its outcome, which is the last one for everything without rows: a client that
//! stops earlier has changed nothing, as with Trino. The page that was sent last can be fetched again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::error::QueryError;
use super::execute::{Outcome, Session, understand};
use super::sql::Statement;
use super::types::column;
use crate::clock::{Micros, micros};

/// A query that nobody asks for is given up after this; source: Trino, `query.client.timeout`.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(5);

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementOutcome {
    /// Its last page was not fetched yet.
    Running,
    /// It has done what it should.
    Finished,
    /// It failed with an error of this name.
    Failed(String),
    /// The client gave it up.
    Canceled,
}

/// A statement that was posted: `{"sql": "SELECT 1", "outcome": "finished"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostedStatement {
    /// The text as it came.
    pub sql: String,
    /// What became of it.
    pub outcome: StatementOutcome,
}

/// A page, with headers that change the client's session.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) body: Value,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPage {
    /// 404
    UnknownQuery,
    /// 410: a later page was fetched already.
    Gone,
}

/// How pages are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Pages of a query that executes.
    pub(crate) executing_pages: u32,
    pub(crate) rows_per_page: usize,
}

/// What a query asks of the cluster when its next page is fetched.
pub(crate) trait Runner {
    /// Whether the cluster can run it by now.
    fn is_ready(&self) -> bool;
    /// Runs the statement; the text is for faults.
    fn run(
        &self,
        sql: &str,
        session: &Session,
        statement: &Statement,
    ) -> Result<Outcome, QueryError>;
}

#[derive(Debug)]
pub(crate) struct Queries {
    base_url: String,
    cut: Cut,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queries: HashMap<String, Query>,
    statements: Vec<PostedStatement>,
    posted: u64,
    ddl: u64,
    /// Statements that were forgotten; later places are counted from here.
    forgotten: usize,
}

#[derive(Debug)]
struct Query {
    /// In the list of all statements.
    place: usize,
    sql: String,
    session: Session,
    statement: Result<Statement, QueryError>,
    phase: Phase,
    token: u32,
    last: Page,
    touched: Micros,
}

#[derive(Debug)]
enum Phase {
    Queued,
    Executing { left: u32 },
    Sending { outcome: Outcome, sent: usize },
    Finished,
    Failed(QueryError),
}

impl Queries {
    pub(crate) fn new(base_url: String, cut: Cut) -> Self {
        Self { base_url, cut, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("paging does not panic")
    }

    pub(crate) fn statements(&self) -> Vec<PostedStatement> {
        self.state().statements.clone()
    }

    /// Statements that changed something or tried to, as far as their last page.
    pub(crate) fn ddl(&self) -> u64 {
        self.state().ddl
    }

    pub(crate) fn forget(&self) {
        let mut state = self.state();
        state.forgotten += state.statements.len();
        state.statements.clear();
        state.ddl = 0;
    }

    /// Takes a statement; one that is refused from the start fails on its next page.
    pub(crate) fn post(
        &self,
        sql: String,
        session: Session,
        refused: Option<QueryError>,
        now: Micros,
    ) -> Page {
        let mut state = self.state();
        state.posted += 1;
        let id = query_id(state.posted, now);
        let place = state.forgotten + state.statements.len();
        let outcome = StatementOutcome::Running;
        state.statements.push(PostedStatement { sql: sql.clone(), outcome });
        let statement = refused.map_or_else(|| understand(&sql, &session), Err);
        let mut query = Query {
            place,
            sql,
            session,
            statement,
            phase: Phase::Queued,
            token: 0,
            last: Page { body: Value::Null, headers: Vec::new() },
            touched: now,
        };
        query.last = self.page(&id, &query, "QUEUED", &json!({}), Vec::new());
        let page = query.last.clone();
        state.queries.insert(id, query);
        page
    }

    /// The page of a token: the next one, or the last one again.
    pub(crate) fn fetch(
        &self,
        id: &str,
        token: u32,
        now: Micros,
        runner: &impl Runner,
    ) -> Result<Page, NoPage> {
        let mut state = self.state();
        let State { queries, statements, ddl, forgotten, .. } = &mut *state;
        let query = queries.get_mut(id).ok_or(NoPage::UnknownQuery)?;
        if token == query.token && token > 0 {
            return Ok(query.last.clone());
        }
        if token != query.token + 1 {
            return Err(NoPage::Gone);
        }
        if now > query.touched + micros(CLIENT_TIMEOUT) {
            let message = "Query has not been accessed since its client timed out";
            query.phase = Phase::Failed(QueryError::new("ABANDONED_QUERY").message(message));
        }
        query.touched = now;
        query.token = token;
        *ddl += u64::from(self.step(query, runner));
        query.last = self.next_page(id, query);
        if let Some(statement) =
            query.place.checked_sub(*forgotten).and_then(|place| statements.get_mut(place))
        {
            statement.outcome = query.outcome();
        }
        Ok(query.last.clone())
    }

    /// Gives a query up: what has not run will not run.
    pub(crate) fn cancel(&self, id: &str) {
        let mut state = self.state();
        let State { queries, statements, forgotten, .. } = &mut *state;
        let Some(query) = queries.get_mut(id) else { return };
        if matches!(query.phase, Phase::Finished | Phase::Failed(_)) {
            return;
        }
        let message = "Query was canceled";
        query.phase = Phase::Failed(QueryError::new("USER_CANCELED").message(message));
        if let Some(statement) =
            query.place.checked_sub(*forgotten).and_then(|place| statements.get_mut(place))
        {
            statement.outcome = StatementOutcome::Canceled;
        }
    }

    /// Moves a query on by a page; true if that ran a statement that changes something.
    fn step(&self, query: &mut Query, runner: &impl Runner) -> bool {
        match &mut query.phase {
            Phase::Queued => {
                if let Err(error) = &query.statement {
                    query.phase = Phase::Failed(error.clone());
                } else if runner.is_ready() {
                    query.phase = Phase::Executing { left: self.cut.executing_pages.max(1) };
                }
                false
            }
            Phase::Executing { left } if *left > 1 => {
                *left -= 1;
                false
            }
            Phase::Executing { .. } => run(query, runner),
            Phase::Sending { outcome, sent } => {
                *sent += self.cut.rows_per_page;
                if *sent >= outcome.rows.len() {
                    query.phase = Phase::Finished;
                }
                false
            }
            Phase::Finished | Phase::Failed(_) => false,
        }
    }

    /// The page of the phase that a query is in by now.
    fn next_page(&self, id: &str, query: &mut Query) -> Page {
        match &query.phase {
            Phase::Queued => self.page(id, query, "WAITING_FOR_RESOURCES", &json!({}), Vec::new()),
            Phase::Executing { .. } => self.page(id, query, "RUNNING", &json!({}), Vec::new()),
            Phase::Failed(error) => {
                self.page(id, query, "FAILED", &json!({"error": error.to_json()}), Vec::new())
            }
            Phase::Finished => self.page(id, query, "FINISHED", &json!({}), Vec::new()),
            Phase::Sending { outcome, sent } => {
                let end = outcome.rows.len().min(sent + self.cut.rows_per_page);
                let more = result(outcome, *sent..end, query.session.knows_precision);
                let (is_last, headers) = (end == outcome.rows.len(), outcome.headers.clone());
                if is_last {
                    query.phase = Phase::Finished;
                }
                let state = if is_last { "FINISHED" } else { "RUNNING" };
                self.page(id, query, state, &more, headers)
            }
        }
    }

    /// Source: Trino, `QueryResults`; members that are null are left out, as the server leaves them out.
    fn page(
        &self,
        id: &str,
        query: &Query,
        state: &str,
        more: &Value,
        headers: Vec<(&'static str, String)>,
    ) -> Page {
        let mut body = json!({
            "id": id,
            "infoUri": format!("{}/ui/query.html?{id}", self.base_url),
            "stats": stats(state),
            "warnings": [],
        });
        let path = match query.phase {
            Phase::Queued => Some("queued"),
            Phase::Executing { .. } | Phase::Sending { .. } => Some("executing"),
            Phase::Finished | Phase::Failed(_) => None,
        };
        if let Some(path) = path {
            let (slug, token) = (slug(id), query.token + 1);
            let base = &self.base_url;
            body["nextUri"] = json!(format!("{base}/v1/statement/{path}/{id}/{slug}/{token}"));
        }
        for (name, value) in more.as_object().expect("members are an object") {
            body[name] = value.clone();
        }
        Page { body, headers }
    }
}

impl Query {
    fn outcome(&self) -> StatementOutcome {
        match &self.phase {
            Phase::Finished => StatementOutcome::Finished,
            Phase::Failed(error) if error.name == "USER_CANCELED" => StatementOutcome::Canceled,
            Phase::Failed(error) => StatementOutcome::Failed(error.name.clone()),
            Phase::Queued | Phase::Executing { .. } | Phase::Sending { .. } => {
                StatementOutcome::Running
            }
        }
    }
}

/// Runs a statement; true if it is one that changes something.
fn run(query: &mut Query, runner: &impl Runner) -> bool {
    let Ok(statement) = &query.statement else { return false };
    query.phase = match runner.run(&query.sql, &query.session, statement) {
        Ok(outcome) => Phase::Sending { outcome, sent: 0 },
        Err(error) => Phase::Failed(error),
    };
    statement.is_ddl()
}

/// `columns` and `data`, the latter only with rows; `updateType` for what is no query.
fn result(outcome: &Outcome, rows: std::ops::Range<usize>, knows_precision: bool) -> Value {
    let columns: Vec<Value> = outcome
        .columns
        .iter()
        .map(|(name, r#type)| column(name, r#type, knows_precision))
        .collect();
    let mut result = json!({"columns": columns});
    if !rows.is_empty() {
        result["data"] = json!(outcome.rows[rows]);
    }
    if let Some(update_type) = outcome.update_type {
        result["updateType"] = json!(update_type);
    }
    result
}

fn stats(state: &str) -> Value {
    let is_over = matches!(state, "FINISHED" | "FAILED");
    json!({
        "state": state,
        "queued": state == "QUEUED",
        "scheduled": is_over,
        "nodes": u8::from(is_over),
        "totalSplits": 1,
        "queuedSplits": 0,
        "runningSplits": 0,
        "completedSplits": u8::from(is_over),
        "cpuTimeMillis": 1,
        "wallTimeMillis": 1,
        "queuedTimeMillis": 1,
        "elapsedTimeMillis": 1,
        "processedRows": 0,
        "processedBytes": 0,
        "physicalInputBytes": 0,
        "peakMemoryBytes": 0,
        "spilledBytes": 0,
    })
}

/// `20260215_090000_00001_stepw`
fn query_id(number: u64, now: Micros) -> String {
    let at = jiff::Timestamp::from_microsecond(now).unwrap_or(jiff::Timestamp::MAX);
    format!("{}_{number:05}_stepw", at.strftime("%Y%m%d_%H%M%S"))
}

/// Keeps others from guessing the pages of a query.
pub(crate) fn slug(id: &str) -> String {
    format!("y{:016x}", crate::draw::salt_of(id))
}
