//! Which change of an item counts, whatever the order and however often they come.
//!
//! The later one, by the time of the change. Of several at one time the last of their chain, where each begins with the
//! image that another one left. Where the chain says nothing, the item is doubtful: it must be read from its table.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::change::{Change, Image, Stamp};

/// What is remembered of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Latest {
    pub(super) stamp: Stamp,
    /// The time that was told with the state: of the item's states no two have the same.
    pub(super) told_at: i64,
    /// The fingerprint of the state that was told last.
    pub(super) told: String,
    /// The changes at `stamp`.
    pub(super) links: Vec<Link>,
    pub(super) doubtful: bool,
}

/// A change as a link of a chain, in fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    before: Option<String>,
    after: String,
}

impl Link {
    fn of(change: &Change) -> Self {
        let after = change.after.fingerprint().expect("a change says what it leads to");
        Self { event: change.event_id.clone(), before: change.before.fingerprint(), after }
    }

    fn is_repeat(&self, other: &Self) -> bool {
        match (&self.event, &other.event) {
            (Some(one), Some(other)) => one == other,
            _ => self.before == other.before && self.after == other.after,
        }
    }
}

impl Latest {
    /// Takes a change in; true if it is the item's newest state now and has to be told.
    pub(super) fn take(known: Option<Self>, change: &Change) -> (Self, bool) {
        let link = Link::of(change);
        let Some(mut known) = known else { return (Self::first(change.stamp, link), true) };
        match change.stamp.order(known.stamp) {
            Ordering::Less => (known, false),
            Ordering::Greater => {
                let told_at = change.stamp.micros.max(known.told_at + 1);
                (Self { told_at, ..Self::first(change.stamp, link) }, true)
            }
            Ordering::Equal => {
                let is_told = known.take_tie(change.stamp, link);
                (known, is_told)
            }
        }
    }

    fn first(stamp: Stamp, link: Link) -> Self {
        Self {
            stamp,
            told_at: stamp.micros,
            told: link.after.clone(),
            links: vec![link],
            doubtful: false,
        }
    }

    fn take_tie(&mut self, stamp: Stamp, link: Link) -> bool {
        if self.links.iter().any(|it| it.is_repeat(&link)) {
            return false;
        }
        let after = link.after.clone();
        self.links.push(link);
        self.stamp = Stamp {
            micros: self.stamp.micros.max(stamp.micros),
            tick: self.stamp.tick.max(stamp.tick),
        };
        let last = last_of(&self.links);
        self.doubtful = last.is_none_or(|last| *last != self.told && *last != after);
        let is_told = last == Some(&after) && after != self.told;
        if is_told {
            self.tell(after);
        }
        is_told
    }

    /// The state that was read from the table itself, after which the item is no longer doubtful. True if it has to be
    /// told.
    pub(super) fn settle(&mut self, state: &Image) -> bool {
        let state = state.fingerprint().expect("an item is there or not");
        self.doubtful = false;
        let is_told = state != self.told;
        if is_told {
            self.tell(state);
        }
        is_told
    }

    fn tell(&mut self, state: String) {
        self.told = state;
        self.told_at += 1;
    }
}

/// The state that a chain of all links ends with; none if there is no such chain, or several ends.
fn last_of(links: &[Link]) -> Option<&String> {
    if let [link] = links {
        return Some(&link.after);
    }
    if !can_repeats_be_told(links) {
        return None;
    }
    let mut balance: BTreeMap<&String, i32> = BTreeMap::new();
    for link in links {
        *balance.entry(link.before.as_ref()?).or_default() -= 1;
        *balance.entry(&link.after).or_default() += 1;
    }
    balance.retain(|_, it| *it != 0);
    let mut ends = balance.iter().filter(|(_, it)| **it == 1);
    let end = *ends.next()?.0;
    (balance.len() == 2 && ends.next().is_none() && hang_together(links)).then_some(end)
}

/// Without names of events a change that comes again could be a repeat, or the item on its way back: the chain may visit
/// no state twice then.
fn can_repeats_be_told(links: &[Link]) -> bool {
    let are_named = links.iter().all(|it| it.event.is_some());
    let befores: BTreeSet<_> = links.iter().map(|it| &it.before).collect();
    let afters: BTreeSet<_> = links.iter().map(|it| &it.after).collect();
    are_named || (befores.len() == links.len() && afters.len() == links.len())
}

fn hang_together(links: &[Link]) -> bool {
    let mut reached = BTreeSet::from([&links[0].after]);
    let mut rest: Vec<&Link> = links.iter().collect();
    loop {
        let before = rest.len();
        rest.retain(|link| {
            let is_reached = reached.contains(&link.after)
                || link.before.as_ref().is_some_and(|it| reached.contains(it));
            if is_reached {
                reached.insert(&link.after);
                reached.extend(link.before.as_ref());
            }
            !is_reached
        });
        if rest.is_empty() || rest.len() == before {
            return rest.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A change at a time from one state to another; `-` is absent, `?` not told.
    fn change(micros: i64, before: &str, after: &str) -> Change {
        let image = |text: &str| match text {
            "-" => Image::Absent,
            "?" => Image::NotTold,
            text => Image::Present(text.to_owned()),
        };
        Change {
            table: "t".into(),
            key: "k".into(),
            stamp: Stamp { micros, tick: 1 },
            event_id: None,
            before: image(before),
            after: image(after),
            expired: false,
        }
    }

    /// What is told, in order, and whether the item is doubtful in the end.
    fn told(changes: &[Change]) -> (Vec<String>, bool) {
        let (mut latest, mut told) = (None, Vec::new());
        for change in changes {
            let (next, is_told) = Latest::take(latest, change);
            if is_told {
                told.push(match &change.after {
                    Image::Present(text) => text.clone(),
                    _ => "-".to_owned(),
                });
            }
            latest = Some(next);
        }
        (told, latest.unwrap().doubtful)
    }

    #[track_caller]
    fn check(changes: &[Change], expected: &[&str], doubtful: bool) {
        assert_eq!(told(changes), (expected.iter().map(|&it| it.to_owned()).collect(), doubtful));
    }

    #[test]
    fn what_cannot_be_decided_is_doubtful() {
        check(&[change(1, "a", "b"), change(1, "x", "y")], &["b"], true);
        check(&[change(1, "a", "b"), change(1, "b", "a")], &["b"], true);
        check(&[change(1, "a", "b"), change(1, "?", "c")], &["b"], true);
        check(&[change(1, "-", "a"), change(1, "a", "b"), change(1, "b", "-")], &["a", "b"], true);
        check(&[change(1, "a", "b"), change(1, "a", "c")], &["b"], true);
    }

    #[test]
    fn older_ones_and_repeats_do_nothing() {
        check(&[change(2, "a", "b"), change(1, "-", "a"), change(2, "a", "b")], &["b"], false);
    }

    #[test]
    fn ties_are_decided_by_their_chain_in_any_order() {
        check(
            &[change(1, "-", "a"), change(1, "a", "b"), change(1, "b", "c")],
            &["a", "b", "c"],
            false,
        );
        check(&[change(1, "b", "c"), change(1, "a", "b")], &["c"], false);
        check(&[change(1, "a", "b"), change(1, "c", "d"), change(1, "b", "c")], &["b"], true);
        check(&[change(1, "a", "b"), change(1, "x", "y"), change(2, "y", "z")], &["b", "z"], false);
    }

    #[test]
    fn a_state_that_comes_back_is_told_apart_by_its_event() {
        let named = |event: &str, change: Change| Change { event_id: Some(event.into()), ..change };
        let changes = [
            named("1", change(1, "a", "b")),
            named("2", change(1, "b", "a")),
            named("3", change(1, "a", "b")),
        ];
        // One cannot know after two, but after all three.
        check(&changes, &["b"], false);
        check(&[&changes[..], &changes[..1]].concat(), &["b"], false);
    }

    #[test]
    fn a_coarse_time_ties_with_all_that_it_covers() {
        let coarse = Change { stamp: Stamp { micros: 1_000, tick: 1_000 }, ..change(0, "b", "c") };
        check(&[change(1_400, "a", "b"), coarse.clone()], &["b", "c"], false);
        check(&[coarse, change(1_400, "x", "y")], &["c"], true);
    }

    #[test]
    fn no_two_states_have_one_time() {
        let (first, _) = Latest::take(None, &change(5, "-", "a"));
        let (second, _) = Latest::take(Some(first.clone()), &change(5, "a", "b"));
        let (mut third, _) = Latest::take(Some(second.clone()), &change(6, "b", "c"));
        assert_eq!((first.told_at, second.told_at, third.told_at), (5, 6, 7));
        assert!(
            third.settle(&Image::Absent) && third.told_at == 8 && !third.settle(&Image::Absent)
        );
    }

    proptest! {
        /// The history of one item, shuffled and with repeats, ends with the state that the item has, or is doubtful.
        /// Doubtful it is only where several changes have one time.
        #[test]
        fn any_order_ends_with_the_last_state(
            steps in prop::collection::vec((0_i64..4, 0_u8..4), 1..12),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            with_ids in any::<bool>(),
        ) {
            let (mut time, mut state) = (1_000, "-".to_owned());
            let mut history = Vec::new();
            for (index, (step, next)) in steps.into_iter().enumerate() {
                time += step;
                let next = if next == 0 { "-".to_owned() } else { next.to_string() };
                if next == state { continue; }
                let event_id = with_ids.then(|| index.to_string());
                history.push(Change { event_id, ..change(time, &state, &next) });
                state = next;
            }
            prop_assume!(!history.is_empty());
            // Every change comes once, in an order that the picks make, with repeats among them.
            let mut arrivals: Vec<_> = picks.iter().map(|it| it.get(&history).clone()).collect();
            let missing: Vec<_> = history.iter().filter(|it| !arrivals.contains(it)).cloned().collect();
            arrivals.extend(missing);
            let (told, doubtful) = told(&arrivals);
            let last = history.last().unwrap().stamp;
            let ties = history.iter().filter(|it| it.stamp == last).count();
            prop_assert!(!doubtful || ties > 1);
            if !doubtful {
                prop_assert_eq!(told.last(), Some(&state));
            }
        }
    }
}
