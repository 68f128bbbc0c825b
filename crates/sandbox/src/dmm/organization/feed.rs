//! The events of an organization: an ordered log of CloudEvents that is read with the id of the last event seen.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};
use uuid::Builder;

use crate::draw::{Draw, mix};

/// Events of one answer at most.
const PAGE_MAX: usize = 1_000;

/// Who did it; the `principal` of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Principal {
    /// A person, in the web pages.
    User,
    /// Who uses the API.
    ApiKey,
    /// The platform itself: start and end dates.
    System,
}

impl Principal {
    fn text(self) -> &'static str {
        match self {
            Self::User => "user:owner@acme.example",
            Self::ApiKey => "api-key:0b0e2f64-64a5-4a2f-9f0f-3c5c6f0e6a11",
            Self::System => "system",
        }
    }
}

/// What happened.
pub(crate) struct Happening<'a> {
    /// `AccessActivated`
    pub(crate) name: &'a str,
    /// The id of the resource.
    pub(crate) subject: &'a str,
    pub(crate) principal: Principal,
    /// Besides `id` and `timestamp`.
    pub(crate) data: &'a Value,
}

/// The log, of which the oldest events may have been forgotten.
#[derive(Debug)]
pub(crate) struct Feed {
    seed: u64,
    /// Every event is there twice, with the same id.
    repeats: bool,
    /// Whether a cursor means the first place of its event, not the last.
    means_first: bool,
    retention: Option<usize>,
    events: VecDeque<Value>,
    /// The number of the first event that is kept; they count from 0.
    first: u64,
    /// The place that each id means as a cursor.
    places: HashMap<String, u64>,
}

impl Feed {
    pub(crate) fn new(
        seed: u64,
        repeats: bool,
        means_first: bool,
        retention: Option<usize>,
    ) -> Self {
        let (events, places) = (VecDeque::new(), HashMap::new());
        Self { seed, repeats, means_first, retention, events, first: 0, places }
    }

    /// Appends an event; `time` is RFC 3339.
    pub(crate) fn append(&mut self, happening: &Happening<'_>, time: &str) {
        let mut draw = Draw::new(mix(self.seed, self.next_number()));
        let random = (u128::from(draw.next()) << 64) | u128::from(draw.next());
        let id = Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string();
        let event = event(&id, happening, time);
        for _ in 0..if self.repeats { 2 } else { 1 } {
            self.push(&id, event.clone());
        }
        if let Some(keep) = self.retention {
            self.forget(keep);
        }
    }

    /// Appends an event again, with the same id. False if it is not kept.
    pub(crate) fn send_again(&mut self, id: &str) -> bool {
        let found = self.events.iter().find(|event| event["id"] == id).cloned();
        let is_kept = found.is_some();
        if let Some(event) = found {
            self.push(id, event);
        }
        is_kept
    }

    fn push(&mut self, id: &str, event: Value) {
        let (number, means_first) = (self.next_number(), self.means_first);
        let place = self.places.entry(id.to_owned()).or_insert(number);
        if !means_first {
            *place = number;
        }
        self.events.push_back(event);
    }

    fn next_number(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// Keeps only so many, the newest.
    pub(crate) fn forget(&mut self, keep: usize) {
        let gone = self.events.len().saturating_sub(keep);
        self.events.drain(..gone);
        self.first += gone as u64;
        let first = self.first;
        self.places.retain(|_, place| *place >= first);
    }

    /// Up to a page of events after this one, or from the first; nothing if no such event is kept.
    pub(crate) fn after(&self, last: Option<&str>) -> Option<Vec<&Value>> {
        let skip = match last {
            Some(id) => self.places.get(id)? + 1 - self.first,
            None => 0,
        };
        Some(self.events.iter().skip(usize::try_from(skip).ok()?).take(PAGE_MAX).collect())
    }

    /// All events that there have ever been, repeated ones counted.
    pub(crate) fn count(&self) -> u64 {
        self.next_number()
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        self.events.iter().cloned().collect()
    }
}

fn event(id: &str, happening: &Happening<'_>, time: &str) -> Value {
    let Happening { name, subject, principal, data: more } = *happening;
    let mut data = json!({"id": subject, "timestamp": time});
    for (name, value) in more.as_object().into_iter().flatten() {
        data[name] = value.clone();
    }
    json!({
        "specversion": "1.0",
        "type": format!("com.datamesh-manager.events.{name}Event"),
        "id": id,
        "source": "https://entropy-data.example",
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "dataschema": null,
        "principal": principal.text(),
        "data": data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(repeats: bool, retention: Option<usize>, events: usize) -> Feed {
        let mut feed = Feed::new(1, repeats, false, retention);
        for _ in 0..events {
            let principal = Principal::System;
            let data = &Value::Null;
            feed.append(
                &Happening { name: "A", subject: "s", principal, data },
                "2026-03-01T00:00:00Z",
            );
        }
        feed
    }

    fn ids(events: &[&Value]) -> Vec<String> {
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_page_has_a_thousand_and_the_next_goes_on() {
        let feed = feed(false, None, 1_500);
        let first = ids(&feed.after(None).unwrap());
        let rest = ids(&feed.after(Some(&first[999])).unwrap());
        assert_eq!((first.len(), rest.len()), (1_000, 500));
        assert!(feed.after(Some(&rest[499])).unwrap().is_empty());
    }

    #[test]
    fn a_repeated_event_has_the_same_id_and_is_passed_as_one() {
        let feed = feed(true, None, 2);
        let all = ids(&feed.after(None).unwrap());
        assert_eq!((all[0] == all[1], all[2] == all[3], all[1] == all[2]), (true, true, false));
        assert_eq!(feed.after(Some(&all[0])).unwrap().len(), 2);
    }

    #[test]
    fn a_cursor_may_mean_the_first_place_of_its_event() {
        let mut feed = feed(false, None, 2);
        feed.means_first = true;
        let all = ids(&feed.after(None).unwrap());
        assert!(feed.send_again(&all[0]));
        assert_eq!(ids(&feed.after(Some(&all[0])).unwrap()), [all[1].clone(), all[0].clone()]);
        assert!(!feed.send_again("unknown"));
    }

    #[test]
    fn a_forgotten_event_is_no_cursor() {
        let whole = ids(&feed(false, None, 5).after(None).unwrap());
        let feed = feed(false, Some(2), 5);
        assert_eq!(ids(&feed.after(None).unwrap()), whole[3..]);
        assert!(feed.after(Some(&whole[2])).is_none() && feed.after(Some(&whole[3])).is_some());
    }
}
