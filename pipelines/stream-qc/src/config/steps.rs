//! What is wrong in the tables of `by_cadence`, those too that are not for the cadence of the stream.
//!
//! A table is read as if it stood over the stream. What it gets wrong is all that was not wrong before; what depends on
//! the cadence is left out, as nobody knows which one the table will be for.

use crate::checks::Mode;

use super::node::Node;
use super::reader::{Problem, Problems, join};
use super::{Entries, read_stream};

/// No limit is too short for it.
const SHORTEST_S: f64 = f64::MIN_POSITIVE;

/// The tables of a stream.
pub(super) struct Steps<'a> {
    /// Of the stream.
    pub(super) path: &'a str,
    /// What stands below the stream.
    pub(super) group: &'a Node,
    /// The stream with what stands below it, without any of the tables.
    pub(super) plain: &'a Node,
    /// Of the stream.
    pub(super) mode: Mode,
}

impl Steps<'_> {
    pub(super) fn check(&self, problems: &Problems) {
        let Node::Table(entries) = self.plain else { return };
        let Some(Node::List(steps)) = entries.get("by_cadence") else { return };
        for (at, step) in steps.iter().enumerate() {
            let Node::Table(step) = step else { continue };
            let path = join(self.path, &format!("by_cadence[{at}]"));
            for Problem { path, message, help } in self.of_step(&path, step) {
                problems.add(path, message, help);
            }
        }
    }

    /// A table may be at odds with what the stream says itself if it fits its group, and with what its group says if it
    /// fits the stream.
    fn of_step(&self, path: &str, step: &Entries) -> Vec<Problem> {
        let before = self.read(path, self.plain, &Entries::new());
        let in_group = self.read(path, self.group, step);
        let mut found = self.read(path, self.plain, step);
        found.retain(|it| in_group.contains(it) && !before.contains(it));
        found
    }

    fn read(&self, path: &str, under: &Node, step: &Entries) -> Vec<Problem> {
        let mut step = step.clone();
        step.remove("up_to_s");
        step.entry("cadence_s".to_owned()).or_insert(Node::Number(SHORTEST_S));
        step.entry("mode".to_owned()).or_insert_with(|| Node::Text(self.mode.name().to_owned()));
        let Node::Table(mut entries) = under.clone().overridden_by(Node::Table(step)) else {
            unreachable!("a table over a table is a table");
        };
        entries.remove("by_cadence");
        let problems = Problems::default();
        read_stream(path.to_owned(), &entries, None, &problems);
        problems.into_vec()
    }
}
