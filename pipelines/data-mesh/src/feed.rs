//! Reading the feed on, each event once.
//!
//! Delivery is at-least-once: an event may come again with the same id, and nobody says whether a cursor then means its
//! first or its last place. So a page counts for what is new in it, and one without anything new is the end.
//!
//! Nobody says either what an unknown cursor is answered with: an error, nothing, or everything. So reading goes on one
//! event before the cursor: a feed that knows its place gives the cursor's own event first, and needs no other call.
//!
//! Responsible for: finding the place again and the events behind it. Left to others: what they mean, keeping the place.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use stepwell_pipeline::Context;

use crate::dmm::{Dmm, Error, Event, Page};

/// A place in the feed.
///
/// ```json
/// {"last":"7b0d6a52-...","before":"0c6f2d19-..."}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The event that was read last: the cursor.
    pub last: Option<String>,
    /// The one before it.
    pub before: Option<String>,
}

/// Reads on from a place.
pub(crate) struct Follower<'f> {
    dmm: &'f Dmm,
    place: Place,
    seen: HashSet<String>,
}

/// Whether a place was found again.
pub(crate) enum Resumed<'f> {
    /// With what stands on the first page behind it.
    Found(Follower<'f>, Vec<Event>),
    /// The feed has it no more; in which words.
    Lost(String),
}

impl<'f> Follower<'f> {
    pub(crate) fn new(dmm: &'f Dmm, place: Place) -> Self {
        let seen = place.last.iter().chain(&place.before).cloned().collect();
        Self { dmm, place, seen }
    }

    /// Finds the place again. An event that is the oldest that is kept has no other before it, so the beginning of the
    /// feed is looked at too.
    pub(crate) async fn resume(
        dmm: &'f Dmm,
        place: Place,
        ctx: &Context,
    ) -> Result<Resumed<'f>, Error> {
        let mut follower = Self::new(dmm, place);
        let Some(cursor) = follower.place.last.clone() else {
            let events = dmm.events(None, ctx).await?;
            return Ok(match events {
                Page::Events(events) => {
                    let new = follower.pass(events);
                    Resumed::Found(follower, new)
                }
                Page::CursorUnknown(words) => Resumed::Lost(words),
            });
        };
        let mut words = None;
        let before = follower.place.before.clone();
        for from in before.map(Some).into_iter().chain([None]) {
            match dmm.events(from.as_deref(), ctx).await? {
                Page::Events(page) if page.iter().any(|event| event.id == cursor) => {
                    let new = follower.pass(page);
                    return Ok(Resumed::Found(follower, new));
                }
                Page::Events(_) => {}
                Page::CursorUnknown(said) => words = Some(said),
            }
        }
        Ok(Resumed::Lost(words.unwrap_or_else(|| "its event is not in the feed".to_owned())))
    }

    /// What is new on the next page; nothing: this is the end.
    pub(crate) async fn next(&mut self, ctx: &Context) -> Result<Page, Error> {
        Ok(match self.dmm.events(self.place.last.as_deref(), ctx).await? {
            Page::Events(page) => Page::Events(self.pass(page)),
            unknown @ Page::CursorUnknown(_) => unknown,
        })
    }

    /// Behind what was read.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    fn pass(&mut self, page: Vec<Event>) -> Vec<Event> {
        let new: Vec<_> =
            page.into_iter().filter(|event| self.seen.insert(event.id.clone())).collect();
        for event in new.iter().rev().take(2).rev() {
            self.place.before = self.place.last.replace(event.id.clone());
        }
        new
    }
}
