//! `stepwell-data-mesh-poll-feed`: the feed into the queue, up to its end.
//!
//! The cursor moves with one conditional write after everything before it is durably queued; pages that arrive in one
//! go are queued together, each access once. At the very first start, and where the service does not know the cursor,
//! no event is replayed: the cursor goes to the newest event, and everything is surveyed.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::progress::Update;
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;

use super::{Input, Run};
use crate::backlog;
use crate::dmm::{Event, Page};
use crate::event::{Asked, legacy};
use crate::feed::{Follower, Place, Resumed};
use crate::ledger::{Batch, Cursor, Item, Source};
use crate::service::{Service, World};

/// So many events are queued together, at most.
const EVENTS_TOGETHER: usize = 20_000;

/// So often the end of the feed is looked for anew when what was read is forgotten meanwhile.
const RESTARTS_MAX: usize = 3;

/// Reads the feed.
pub struct PollFeed {
    pub(crate) service: Arc<Service>,
}

/// What the state machine gives.
///
/// ```json
/// {"run":"arn:aws:states:...","input":{"plan":false},"poll":{}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Poll {
    #[serde(flatten)]
    run: Run,
    /// What the call before gave, if that was `IN_PROGRESS`.
    #[serde(default)]
    poll: Counts,
}

/// How far the feed was read.
///
/// ```json
/// {"status":"QUEUED","events":1200,"skipped":17,"accesses":40,"pages":2,"redriven":0}
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct Polled {
    status: Status,
    /// Why everything is surveyed.
    reason: Option<String>,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    /// All that the feed had is queued.
    Queued,
    /// The slice is over; there is more.
    InProgress,
    /// Everything has to be surveyed.
    Reconcile,
}

/// What was read so far in this run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    events: usize,
    skipped: usize,
    accesses: usize,
    pages: usize,
    redriven: usize,
    /// How far the feed was passed over, looking for its end.
    passed: Option<Place>,
}

#[async_trait]
impl Function for PollFeed {
    type Input = Poll;
    type Output = Polled;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-poll-feed"
    }

    async fn call(&self, input: Poll, ctx: &Context) -> Result<Polled, HandlerError> {
        let Poll { run: Run { run, input }, poll: counts } = input;
        let world = self.service.world(&run, input.plan).await?;
        if !input.plan {
            // A queue that cannot be used is told of before any work.
            self.service.queue().await?;
        }
        let mut poll = Polling { service: &self.service, world: &world, run, ctx, counts };
        poll.redrive(input).await?;
        let cursor = world.ledger.cursor().await?;
        if let Some(reason) = cursor.reconcile {
            return Ok(poll.end(Status::Reconcile, Some(reason)));
        }
        if !cursor.is_anchored {
            return poll.anchor("the first start").await;
        }
        poll.read(cursor).await
    }
}

/// One invocation.
struct Polling<'p> {
    service: &'p Service,
    world: &'p World,
    run: String,
    ctx: &'p Context,
    counts: Counts,
}

impl Polling<'_> {
    fn end(self, status: Status, reason: Option<String>) -> Polled {
        Polled { status, reason, counts: self.counts }
    }

    async fn redrive(&mut self, input: Input) -> Result<(), HandlerError> {
        if input.redrive && !input.plan {
            let redriven = self.service.queue().await?.redrive(None).await;
            self.counts.redriven += redriven.map_err(|error| error.to_handler_error())?;
        }
        Ok(())
    }

    /// Reads and queues until the feed has no more.
    async fn read(mut self, mut cursor: Cursor) -> Result<Polled, HandlerError> {
        let resumed = Follower::resume(&self.service.dmm, cursor.place, self.ctx).await?;
        let (mut follower, mut events) = match resumed {
            Resumed::Found(follower, events) => (follower, events),
            Resumed::Lost(words) => return self.lost(&words).await,
        };
        let mut then = if events.is_empty() { Then::CaughtUp } else { Then::More };
        self.count(&events);
        loop {
            if matches!(then, Then::More) {
                then = self.gather(&mut follower, &mut events).await?;
            }
            if !events.is_empty() {
                self.queue(&events).await?;
                if !self.world.ledger.advance(cursor.version, follower.place()).await? {
                    return Err(HandlerError::retryable(
                        "somebody else moves the cursor of the feed",
                    ));
                }
                cursor.version += 1;
                events.clear();
            }
            match then {
                Then::CaughtUp => return Ok(self.end(Status::Queued, None)),
                Then::Unknown(words) => return self.lost(&words).await,
                Then::More if self.ctx.slice_is_over() => {
                    return Ok(self.end(Status::InProgress, None));
                }
                Then::More => {}
            }
        }
    }

    /// Adds pages until there are none, or enough for one go.
    async fn gather(
        &mut self,
        follower: &mut Follower<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Then, HandlerError> {
        loop {
            let is_enough = events.len() >= EVENTS_TOGETHER || self.ctx.slice_is_over();
            if is_enough && !events.is_empty() {
                return Ok(Then::More);
            }
            match follower.next(self.ctx).await? {
                Page::Events(page) if page.is_empty() => return Ok(Then::CaughtUp),
                Page::Events(page) => {
                    self.count(&page);
                    events.extend(page);
                }
                Page::CursorUnknown(words) => return Ok(Then::Unknown(words)),
            }
        }
    }

    fn count(&mut self, page: &[Event]) {
        if !page.is_empty() {
            self.counts.pages += 1;
            self.counts.events += page.len();
            self.tell();
        }
    }

    async fn lost(self, words: &str) -> Result<Polled, HandlerError> {
        tracing::warn!(%words, "the feed does not know the cursor: everything is surveyed");
        self.anchor(&format!("the feed does not know the cursor ({words})")).await
    }

    /// Queues what the events ask for; in a plan it becomes a batch at once.
    async fn queue(&mut self, events: &[Event]) -> Result<(), HandlerError> {
        let mut asked = Asked::by(events);
        let keys = |of: &std::collections::BTreeMap<String, _>| of.keys().cloned().collect();
        let affected =
            self.world.ledger.affected(keys(&asked.products), keys(&asked.teams)).await?;
        asked.add_affected(affected);
        self.counts.skipped += asked.skipped;
        self.counts.accesses += asked.accesses.len();
        let page = events.last().map(|event| event.id.as_str()).unwrap_or_default();
        if !self.world.is_plan {
            let entries = backlog::entries(asked.accesses, page);
            let sent = self.service.queue().await?.send_batch(&entries).await;
            return sent.map_err(|error| error.to_handler_error());
        }
        let items = asked.accesses.into_iter().map(|(access, cause)| Item { access, cause });
        let id = format!("{}#plan-{page}", self.run);
        let batch = Batch { id, items: items.collect(), messages: Vec::new() };
        Ok(self.world.ledger.add_batch(&self.run, Source::Survey, batch).await?)
    }

    /// Passes over the feed to its newest event and puts the cursor there. Accesses of older collections are remembered:
    /// no listing may have them.
    async fn anchor(mut self, reason: &str) -> Result<Polled, HandlerError> {
        let dmm = &self.service.dmm;
        let mut follower = Follower::new(dmm, self.counts.passed.take().unwrap_or_default());
        let mut restarts = 0;
        loop {
            match follower.next(self.ctx).await? {
                // Retention overtook us: what is retained now is passed over again.
                Page::CursorUnknown(_) if restarts < RESTARTS_MAX => {
                    restarts += 1;
                    follower = Follower::new(dmm, Place::default());
                }
                Page::CursorUnknown(_) => {
                    return Err(HandlerError::retryable(
                        "the feed does not know its own last event",
                    ));
                }
                Page::Events(events) if events.is_empty() => break,
                Page::Events(events) => {
                    self.world.ledger.told_of(legacy(&events)).await?;
                    self.tell();
                    if self.ctx.slice_is_over() {
                        self.counts.passed = Some(follower.place().clone());
                        return Ok(self.end(Status::InProgress, None));
                    }
                }
            }
        }
        self.world.ledger.anchor(follower.place(), reason).await?;
        Ok(self.end(Status::Reconcile, Some(reason.to_owned())))
    }

    fn tell(&self) {
        self.ctx.progress.update(Update {
            subject: "feed".to_owned(),
            phase: "reading",
            done: self.counts.events as u64,
            total: None,
            unit: "events",
            finished: false,
        });
    }
}

enum Then {
    CaughtUp,
    More,
    Unknown(String),
}
