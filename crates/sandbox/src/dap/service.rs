//! What all endpoints share: the source, the jobs, the clock, and the keys that tokens and links are signed with.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use super::Options;
use super::data::advance::{Advance, Advanced};
use super::data::evolution::Evolution;
use super::data::schema_json::SchemaForm;
use super::data::source::{Shape, Source, SourceError, Still};
use super::data::table::Window;
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::faults::Faults;
use super::jobs::{Fate, Job, JobTiming, Jobs, Object, Outcome, Request};
use super::limits::Limiter;
use super::presign::Signer;
use super::render::{Cut, Part, Query, render};
use crate::clock::Clock;
use crate::token::Tokens;

/// The running sandbox, without its socket.
pub(crate) struct Service {
    pub(crate) base_url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) clock: Arc<Clock>,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) tokens: Tokens,
    pub(crate) signer: Signer,
    pub(crate) jobs: Jobs,
    pub(crate) timing: JobTiming,
    pub(crate) deduplicates: bool,
    pub(crate) repeats_boundary: bool,
    pub(crate) schema_form: SchemaForm,
    url_lifetime: Duration,
    cut: Cut,
    source: Mutex<Source>,
    requests: Mutex<BTreeMap<Endpoint, u64>>,
    downloads: Mutex<Vec<Range<u64>>>,
    rendered: Mutex<HashMap<ResultKey, Arc<Vec<Arc<Part>>>>>,
    files: TempDir,
}

/// Equal keys have equal results: files are rendered once and served to every job that asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ResultKey {
    table: String,
    generation: u64,
    query: Query,
}

impl Service {
    pub(crate) fn new(options: Options, base_url: String) -> std::io::Result<Self> {
        let clock = Arc::new(Clock::new(options.time));
        let shape = Shape {
            seed: options.seed,
            total_rows: options.total_rows,
            rows: options.rows,
            awkward: options.awkward.into_iter().collect(),
        };
        // Whole milliseconds, as the service has them.
        let loaded_at = clock.now().div_euclid(1_000) * 1_000;
        Ok(Self {
            base_url,
            limiter: Limiter::new(options.limits),
            faults: Faults::new(options.seed, options.faults),
            tokens: Tokens::new(options.client_secret.as_bytes(), options.token_lifetime),
            signer: Signer::new(format!("links {}", options.client_secret).as_bytes()),
            client_id: options.client_id,
            client_secret: options.client_secret,
            jobs: Jobs::default(),
            timing: options.job_timing,
            deduplicates: options.deduplicate_jobs,
            repeats_boundary: options.repeat_boundary,
            schema_form: options.schema_form,
            url_lifetime: options.url_lifetime,
            cut: Cut {
                rows_per_part: options.rows_per_part.max(1),
                rows_per_gzip_member: options.rows_per_gzip_member,
            },
            source: Mutex::new(Source::new(&shape, loaded_at)),
            requests: Mutex::default(),
            downloads: Mutex::default(),
            rendered: Mutex::default(),
            files: temp_dir(options.files)?,
            clock,
        })
    }

    pub(crate) fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().expect("the source does not panic")
    }

    /// The table at this moment, or the 404 that says what is missing.
    pub(crate) fn table(&self, namespace: &str, table: &str) -> Result<Still, ApiError> {
        let source = self.source();
        if source.table_names(namespace).is_none() {
            return Err(ApiError::NotFound { kind: "namespace", id: namespace.to_owned() });
        }
        source
            .hold_still(&format!("{namespace}.{table}"))
            .map_err(|_| ApiError::NotFound { kind: "table", id: table.to_owned() })
    }

    pub(crate) fn advance(&self, wanted: &Advance) -> Result<Advanced, SourceError> {
        self.source().advance(wanted, self.clock.now())
    }

    pub(crate) fn reload(&self, table: &str) -> Result<(), SourceError> {
        self.source().reload(table, self.clock.now())
    }

    /// Adds a column that nobody expects.
    pub(crate) fn surprise(&self, table: &str) {
        let mut source = self.source();
        let version = source.table(table).map_or(0, |table| table.schema().version);
        let evolution = Evolution::AddColumn {
            column: format!("surprise_{version}"),
            r#type: "s255".to_owned(),
        };
        if let Err(error) = source.evolve(table, &evolution) {
            tracing::warn!(%error, "the schema stays as it is");
        }
    }

    pub(crate) fn count(&self, endpoint: Endpoint) {
        *self.requests.lock().expect("counting does not panic").entry(endpoint).or_default() += 1;
    }

    pub(crate) fn requests(&self) -> BTreeMap<Endpoint, u64> {
        self.requests.lock().expect("counting does not panic").clone()
    }

    pub(crate) fn note_download(&self, range: Range<u64>) {
        self.downloads.lock().expect("noting does not panic").push(range);
    }

    pub(crate) fn downloads(&self) -> Vec<Range<u64>> {
        self.downloads.lock().expect("noting does not panic").clone()
    }

    /// A pre-signed link to an object.
    pub(crate) fn link(&self, object: &Object) -> String {
        let path = format!("/objects/{}/{}", object.id, object.part.file_name);
        let expires = self.clock.now_seconds() + self.url_lifetime.as_secs() as i64;
        format!("{}{}", self.base_url, self.signer.sign(&path, expires))
    }

    pub(crate) fn start_job(
        self: &Arc<Self>,
        still: Still,
        request: Request,
        query: Query,
        fate: Fate,
    ) -> Job {
        if let Window::Incremental { until, .. } = query.window {
            self.source().promise(&request.table, until).expect("the table was found before");
        }
        let job = Job {
            id: Uuid::new_v4().to_string(),
            request,
            query,
            created_at: self.clock.now(),
            schema_version: still.table.schema().version,
            at: still.table.watermark,
            fate,
            outcome: Outcome::default(),
            polls: 0,
        };
        self.jobs.add(job.clone());
        if job.fate == Fate::Complete {
            let (service, outcome) = (Arc::clone(self), Arc::clone(&job.outcome));
            tokio::task::spawn_blocking(move || service.finish(&still, query, &outcome));
        }
        job
    }

    /// Renders what the job asked for, unless that is there already.
    fn finish(&self, still: &Still, query: Query, outcome: &Outcome) {
        let key =
            ResultKey { table: still.table.name(), generation: still.table.generation, query };
        let known = self.rendered.lock().expect("looking up does not panic").get(&key).cloned();
        let parts = known.map_or_else(|| self.render(still, key), Ok);
        let objects =
            parts.map(|parts| parts.iter().map(|part| object(Arc::clone(part))).collect());
        outcome.set(objects.map_err(|error| error.to_string())).expect("a job is finished once");
    }

    fn render(&self, still: &Still, key: ResultKey) -> std::io::Result<Arc<Vec<Arc<Part>>>> {
        let parts = render(still, key.query, self.cut, self.files.path())?;
        let parts: Arc<Vec<_>> = Arc::new(parts.into_iter().map(Arc::new).collect());
        let mut rendered = self.rendered.lock().expect("keeping does not panic");
        // Files go with the last job that has them.
        rendered.retain(|_, parts| parts.iter().any(|part| Arc::strong_count(part) > 1));
        rendered.insert(key, Arc::clone(&parts));
        Ok(parts)
    }
}

fn object(part: Arc<Part>) -> Object {
    Object { id: Uuid::new_v4().to_string(), part }
}

fn temp_dir(parent: Option<PathBuf>) -> std::io::Result<TempDir> {
    match parent {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
}
