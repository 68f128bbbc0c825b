//! The queue of accesses to examine: what the messages look like.
//!
//! The accesses of a page stand in few messages: each access belongs to one of sixteen groups by its hash, and a
//! message holds up to a hundred of its group. A group is in order, so each access is. An access that fails gets a
//! message and a group of its own, and holds nobody else up.
//!
//! ```json
//! {"accesses":[{"access":"acc-17","event":"7b0d6a52-...","kind":"AccessActivatedEvent"}]}
//! ```
//!
//! A message of the reference integration, which is the event itself, is understood too: its queue can be taken over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stepwell_integrations::sqs::{Entry, Message, fifo_id};

use crate::dmm::Event;
use crate::event::{Asked, Cause};
use crate::ledger::Item;

/// Enough that groups are worked on beside each other, few enough that a page is few messages.
const GROUPS: u8 = 16;

/// A hundred accesses with long ids are some 50 KB, far from the limit of a batch.
const ITEMS_MAX: usize = 100;

/// What a message holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    accesses: Vec<Item>,
}

/// The messages for these accesses. `page` names the page of the feed: the same page again makes the same messages.
pub(crate) fn entries(accesses: BTreeMap<String, Cause>, page: &str) -> Vec<Entry> {
    let mut groups: BTreeMap<u8, Vec<Item>> = BTreeMap::new();
    for (access, cause) in accesses {
        let group = Sha256::digest(&access)[0] % GROUPS;
        groups.entry(group).or_default().push(Item { access, cause });
    }
    let messages = groups.iter().flat_map(|(group, items)| {
        items.chunks(ITEMS_MAX).map(move |items| entry(&format!("group-{group}"), items, page))
    });
    messages.collect()
}

/// The message of one access that failed in `batch`, in a group of its own.
pub(crate) fn single(item: &Item, batch: &str) -> Entry {
    entry(&single_group(&item.access), std::slice::from_ref(item), batch)
}

/// Whether a message is of this access alone.
pub(crate) fn is_single(message: &Message, access: &str) -> bool {
    message.group == single_group(access)
}

fn single_group(access: &str) -> String {
    fifo_id(&format!("access-{access}"))
}

fn entry(group: &str, items: &[Item], page: &str) -> Entry {
    let body =
        serde_json::to_string(&Body { accesses: items.to_vec() }).expect("texts become JSON");
    let deduplication_id = hex::encode(Sha256::digest(format!("{page}\n{group}\n{body}")));
    Entry { group: group.to_owned(), deduplication_id, body }
}

/// The accesses that a message asks for, and the products and teams whose accesses it asks for.
///
/// # Errors
/// Why it is not understood: somebody else wrote it.
pub(crate) fn read(message: &Message) -> Result<Asked, String> {
    let value: Value = serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
    if value.get("type").is_some() {
        return Event::read(&value).map(|event| Asked::by(&[event]));
    }
    let body: Body = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let accesses = body.accesses.into_iter().map(|item| (item.access, item.cause)).collect();
    Ok(Asked { accesses, ..Asked::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        Cause { event: "1".into(), kind: "AccessActivatedEvent".into() }
    }

    fn message(entry: Entry) -> Message {
        Message {
            id: "1".into(),
            group: entry.group,
            deduplication_id: entry.deduplication_id,
            body: entry.body,
            receive_count: 1,
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            receipt: "r".to_owned().into(),
        }
    }

    #[test]
    fn a_thousand_accesses_are_few_messages_that_hold_each_once() {
        let accesses: BTreeMap<_, _> =
            (0..1_000).map(|at| (format!("acc-{at}"), cause())).collect();
        let entries = entries(accesses.clone(), "page");
        assert!(entries.len() <= 20, "{}", entries.len());
        let mut found = BTreeMap::new();
        for entry in entries {
            found.extend(read(&message(entry)).unwrap().accesses);
        }
        assert_eq!(found, accesses);
    }

    #[test]
    fn the_same_page_makes_the_same_messages_and_another_does_not() {
        let of = |page| entries([("a".to_owned(), cause())].into(), page);
        assert_eq!(of("1"), of("1"));
        assert_ne!(of("1")[0].deduplication_id, of("2")[0].deduplication_id);
    }

    #[test]
    fn an_event_of_the_reference_is_understood_and_nonsense_is_not() {
        let body = |text: &str| {
            message(Entry { group: "1".into(), deduplication_id: "1".into(), body: text.into() })
        };
        let event = r#"{"id":"7","type":"com.datamesh-manager.events.DataUsageAgreementActivatedEvent","data":{"id":"a"}}"#;
        assert_eq!(read(&body(event)).unwrap().accesses.len(), 1);
        read(&body("nonsense")).unwrap_err();
        read(&body(r#"{"accesses":[{"access":"a"}]}"#)).unwrap_err();
    }
}
