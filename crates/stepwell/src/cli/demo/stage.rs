//! Where a pipeline of the demo runs: an engine on the demo's folder, with this one pipeline.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use stepwell_engine::Status;

use crate::built_in;
use crate::config::{Config, Section};
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::progress::{Display, Hub};
use crate::project::Project;
use crate::runs;
use crate::wiring::{self, Parts, Running};

/// A running engine with one pipeline.
pub(super) struct Stage {
    running: Running,
    parts: Parts,
    hub: Hub,
}

/// One run, in the demo's words; `moved` is what it did.
#[derive(Debug, Serialize)]
pub(super) struct Ended<M> {
    pub(super) pipeline: &'static str,
    pub(super) title: &'static str,
    pub(super) execution: String,
    pub(super) seconds: f64,
    #[serde(flatten)]
    pub(super) moved: M,
}

impl Stage {
    /// Lets an engine run in which `pipeline` has these settings.
    pub(super) async fn open(
        project: &Project,
        pipeline: &'static str,
        section: Section,
    ) -> Outcome<Self> {
        let config = Config { pipelines: [(pipeline, section)].into(), ..Config::default() };
        let parts = Parts::read(project, &config, None)?;
        let hub = Hub::new();
        let progress = Arc::new(hub.clone());
        let opener = wiring::opener(project, &config);
        let running =
            Running::start(project, &config, &parts.pipelines, progress, opener, None).await??;
        Ok(Self { running, parts, hub })
    }

    /// Runs a state machine to its end, which must be a good one, and gives its output.
    pub(super) async fn run(&self, machine: &str, title: &'static str) -> Outcome<Ended<Value>> {
        self.end(machine, title, true).await
    }

    /// Runs a state machine to its end, whether it is a good one or not.
    pub(super) async fn run_to_any_end(
        &self,
        machine: &str,
        title: &'static str,
    ) -> Outcome<Ended<Value>> {
        self.end(machine, title, false).await
    }

    async fn end(
        &self,
        machine: &str,
        title: &'static str,
        must_succeed: bool,
    ) -> Outcome<Ended<Value>> {
        output::note(format_args!("{machine}: {title} ..."));
        let pipeline = built_in::of_machine(machine).expect("the demo knows the pipelines").name;
        let started = Instant::now();
        let mut display = Display::new();
        let engine = &self.running.engine;
        let begun = runs::begin(engine, self.parts.machine(machine)?, None).await?;
        let progress = self.hub.follow();
        let ended = runs::follow(engine, &begun.arn, progress, |step| display.show(&step)).await;
        display.clear();
        let ended = ended?;
        if must_succeed && ended.summary.status != Status::Succeeded {
            let message = format!("{machine}: the {title} failed: {}", ended.reason());
            return Err(Failure::message(Exit::of_unsuccessful(&ended), message));
        }
        let seconds = started.elapsed().as_secs_f64();
        let moved = ended.output.unwrap_or_default();
        Ok(Ended { pipeline, title, execution: ended.summary.name, seconds, moved })
    }

    /// Lets the engine end.
    pub(super) async fn close(self) -> Outcome {
        self.running.stop().await
    }
}

impl<M> Ended<M> {
    /// The same run, with what it did in other words.
    pub(super) fn map<N>(self, words: impl FnOnce(M) -> N) -> Ended<N> {
        let Self { pipeline, title, execution, seconds, moved } = self;
        Ended { pipeline, title, execution, seconds, moved: words(moved) }
    }
}
