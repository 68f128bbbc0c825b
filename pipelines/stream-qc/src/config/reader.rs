//! Reads typed values out of a document and collects everything that is wrong with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use stepwell_pipeline::suggest;

use super::node::Node;
use crate::checks::validity::Listed;
use crate::checks::{Mode, Span};
use crate::series::parse_time;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, from the root of the document: `groups.coast.streams.t1.process3.gap_h`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}; {}", self.path, self.message, self.help)
    }
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(
        &self,
        path: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = Problem { path: path.into(), message: message.into(), help: help.into() };
        let mut problems = self.0.borrow_mut();
        // What stands in the defaults is read once for each stream.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A table, and which of its keys have been asked for. [`Table::finish`] refuses the others.
pub(super) struct Table<'a> {
    path: String,
    entries: &'a BTreeMap<String, Node>,
    problems: &'a Problems,
    known: BTreeSet<&'static str>,
    mode: Mode,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        path: String,
        entries: &'a BTreeMap<String, Node>,
        problems: &'a Problems,
    ) -> Self {
        Self { path, entries, problems, known: BTreeSet::new(), mode: Mode::default() }
    }

    /// The same table, of a stream in this mode, and so are the tables in it.
    pub(super) fn in_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The mode of the stream.
    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether what makes no sense is refused. The library takes it, and so does the mode that has its flags.
    pub(super) fn is_strict(&self) -> bool {
        self.mode == Mode::Strict
    }

    /// Everything in it.
    pub(super) fn entries(&self) -> &'a BTreeMap<String, Node> {
        self.entries
    }

    /// The path of a key.
    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Tells that a key is wrong.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(self.path_of(key), message, help);
    }

    /// A value, unless it is not there. `false` and null take away what stands below.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.insert(key);
        self.entries.get(key).filter(|node| !matches!(node, Node::Null | Node::Boolean(false)))
    }

    fn mistyped(&self, key: &str, node: &Node, wanted: &str) {
        self.wrong(key, format!("it is {}", node.kind()), format!("write {wanted}"));
    }

    /// Leaves a key to somebody else.
    pub(super) fn pass_over(&mut self, key: &'static str) {
        self.known.insert(key);
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        let node = self.get(key)?;
        self.number_of(key, node)
    }

    fn number_of(&self, key: &str, node: &Node) -> Option<f64> {
        match node {
            Node::Number(value) if value.is_finite() => Some(*value),
            Node::Number(value) => {
                self.wrong(
                    key,
                    format!("{value} is not finite"),
                    "write a finite number, or leave it out",
                );
                None
            }
            other => {
                self.mistyped(key, other, "a number");
                None
            }
        }
    }

    /// A number that values are compared with. Infinity is one for the library.
    pub(super) fn bound(&mut self, key: &'static str) -> Option<f64> {
        let node = self.get(key)?;
        self.bound_of(key, node)
    }

    fn bound_of(&self, key: &str, node: &Node) -> Option<f64> {
        match node {
            Node::Number(value) if value.is_infinite() && !self.is_strict() => Some(*value),
            other => self.number_of(key, other),
        }
    }

    /// A bound of a measure that is never negative; the library takes a negative one too.
    pub(super) fn threshold(&mut self, key: &'static str) -> Option<f64> {
        if self.is_strict() { self.limit(key) } else { self.bound(key) }
    }

    /// A length of time above zero; the library takes any.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<f64> {
        if self.is_strict() { self.positive(key) } else { self.number(key) }
    }

    /// A number that is zero or more.
    pub(super) fn limit(&mut self, key: &'static str) -> Option<f64> {
        let value = self.number(key)?;
        if value < 0.0 {
            self.wrong(key, format!("{value} is negative"), "write zero or more");
            return None;
        }
        Some(value)
    }

    /// A number above zero.
    pub(super) fn positive(&mut self, key: &'static str) -> Option<f64> {
        let value = self.number(key)?;
        if value <= 0.0 {
            self.wrong(key, format!("{value} is not above zero"), "write a number above zero");
            return None;
        }
        Some(value)
    }

    /// A number from 0 to 1.
    pub(super) fn share(&mut self, key: &'static str) -> Option<f64> {
        self.between(key, 0.0, 1.0)
    }

    /// A number between two others.
    pub(super) fn between(&mut self, key: &'static str, low: f64, high: f64) -> Option<f64> {
        let value = self.number(key)?;
        if !(low..=high).contains(&value) {
            self.wrong(
                key,
                format!("{value} is out of range"),
                format!("write a number from {low} to {high}"),
            );
            return None;
        }
        Some(value)
    }

    /// A whole number that is zero or more.
    pub(super) fn count(&mut self, key: &'static str) -> Option<u64> {
        let value = self.limit(key)?;
        if value.fract() != 0.0 || value > 1e15 {
            self.wrong(
                key,
                format!("{value} is no whole number"),
                format!("write {}", value.trunc()),
            );
            return None;
        }
        Some(value as u64)
    }

    /// Yes or no, and here `false` is a value.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.known.insert(key);
        match self.entries.get(key)? {
            Node::Boolean(value) => Some(*value),
            other => {
                self.mistyped(key, other, "true or false");
                None
            }
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.get(key)? {
            Node::Text(text) if !text.is_empty() => Some(text),
            other => {
                self.mistyped(key, other, "a text that is not empty");
                None
            }
        }
    }

    /// One of some names.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &'static str,
        names: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(key)?;
        self.named(key, text, names)
    }

    fn named<T: Copy>(&self, key: &str, text: &str, names: &[(&'static str, T)]) -> Option<T> {
        let found = names.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let all: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            let help = match suggest::closest(text, all.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("write one of \"{}\"", all.join("\", \"")),
            };
            self.wrong(key, format!("\"{text}\" is unknown"), help);
        }
        found.map(|(_, value)| *value)
    }

    /// An instant, in nanoseconds since 1970.
    pub(super) fn time(&mut self, key: &'static str) -> Option<i64> {
        let node = self.get(key)?;
        self.time_of(key, node)
    }

    fn time_of(&self, key: &str, node: &Node) -> Option<i64> {
        let time = match node {
            Node::Text(text) => parse_time(text),
            _ => None,
        };
        if time.is_none() {
            self.mistyped(key, node, "a time such as \"2026-03-01T00:00:00Z\", from 1678 to 2261");
        }
        time
    }

    /// Two bounds.
    pub(super) fn span(&mut self, key: &'static str) -> Option<Span> {
        let [low, high] = self.pair(key)?;
        Some(Span::new(low, high))
    }

    /// Two bounds, in their order.
    pub(super) fn pair(&mut self, key: &'static str) -> Option<[f64; 2]> {
        let node = self.get(key)?;
        let Node::List(items) = node else {
            self.mistyped(key, node, "two numbers such as [0, 25]");
            return None;
        };
        let [low, high] = &items[..] else {
            self.mistyped(key, node, "two numbers such as [0, 25]");
            return None;
        };
        Some([self.bound_of(key, low)?, self.bound_of(key, high)?])
    }

    /// Two instants.
    pub(super) fn times(&mut self, key: &'static str) -> Option<[i64; 2]> {
        let node = self.get(key)?;
        match node {
            Node::List(items) if items.len() == 2 => {
                Some([self.time_of(key, &items[0])?, self.time_of(key, &items[1])?])
            }
            _ => {
                self.mistyped(key, node, "two times, or numbers together with `period`");
                None
            }
        }
    }

    /// Finite numbers.
    pub(super) fn numbers(&mut self, key: &'static str) -> Option<Vec<f64>> {
        match self.get(key)? {
            Node::List(items) => items.iter().map(|item| self.number_of(key, item)).collect(),
            other => {
                self.mistyped(key, other, "a list of numbers");
                None
            }
        }
    }

    /// Texts, in a list or a single one.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let node = self.get(key)?;
        let items = match node {
            Node::List(items) => &items[..],
            other => std::slice::from_ref(other),
        };
        let text = |item: &Node| match item {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        };
        let texts: Option<Vec<_>> = items.iter().map(text).collect();
        if texts.is_none() {
            self.mistyped(key, node, "a list of texts");
        }
        texts
    }

    /// A table inside this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let node = self.get(key)?;
        self.table_of(key, node)
    }

    fn table_of(&self, key: &str, node: &'a Node) -> Option<Self> {
        match node {
            Node::Table(entries) => {
                Some(Table::new(self.path_of(key), entries, self.problems).in_mode(self.mode))
            }
            other => {
                self.mistyped(key, other, "a table");
                None
            }
        }
    }

    /// Tables in a list.
    pub(super) fn tables(&mut self, key: &'static str) -> Option<Vec<Self>> {
        match self.get(key)? {
            Node::List(items) => {
                let table = |(at, item)| self.table_of(&format!("{key}[{at}]"), item);
                items.iter().enumerate().map(table).collect()
            }
            other => {
                self.mistyped(key, other, "a list of tables");
                None
            }
        }
    }

    /// A table whose keys are names of the user's, each with a table.
    pub(super) fn named_tables(&mut self, key: &'static str) -> Vec<(&'a str, Self)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        let table = |(name, node): (&'a String, &'a Node)| {
            Some((name.as_str(), outer.table_of(name, node)?))
        };
        outer
            .entries
            .iter()
            .filter(|(_, node)| !matches!(node, Node::Boolean(false)))
            .filter_map(table)
            .collect()
    }

    /// What stands under each of the user's names in this table; [`Table::finish`] is done.
    pub(super) fn names<T>(&self, mut read: impl FnMut(&Self, &str) -> Option<T>) -> Vec<T> {
        self.entries.keys().filter_map(|name| read(self, name)).collect()
    }

    /// One of some names, under a name of the user's.
    pub(super) fn one_of_named<T: Copy>(
        &self,
        key: &str,
        names: &[(&'static str, T)],
    ) -> Option<T> {
        match self.entries.get(key)? {
            Node::Text(text) => self.named(key, text, names),
            other => {
                self.mistyped(key, other, "a text");
                None
            }
        }
    }

    /// Pairs of finite numbers.
    pub(super) fn points(&mut self, key: &'static str) -> Option<Vec<[f64; 2]>> {
        let node = self.get(key)?;
        let point = |item: &Node| match item {
            Node::List(pair) if pair.len() == 2 => {
                Some([self.number_of(key, &pair[0])?, self.number_of(key, &pair[1])?])
            }
            other => {
                self.mistyped(key, other, "pairs such as [7.5, 53.9]");
                None
            }
        };
        match node {
            Node::List(items) => items.iter().map(point).collect(),
            other => {
                self.mistyped(key, other, "a list of pairs");
                None
            }
        }
    }

    /// Numbers, and texts and booleans as the texts that a column of them is read as.
    pub(super) fn values(&mut self, key: &'static str) -> Option<Vec<Listed>> {
        let node = self.get(key)?;
        let value = |item: &Node| match item {
            Node::Text(text) => Some(Listed::Text(text.clone())),
            Node::Number(number) => Some(Listed::Number(*number)),
            Node::Boolean(value) => Some(Listed::Text(value.to_string())),
            _ => None,
        };
        let values = match node {
            Node::List(items) => items.iter().map(value).collect(),
            _ => None,
        };
        if values.is_none() {
            self.mistyped(key, node, "a list of values");
        }
        values
    }

    /// Whether a check that has no need of keys is asked for by `true`.
    pub(super) fn is_true(&mut self, key: &'static str) -> bool {
        self.known.insert(key);
        matches!(self.entries.get(key), Some(Node::Boolean(true)))
    }

    /// A value that may stand for the one key of a table that people mean: `gap_h = 1` for `gap_h = { fail = 1 }`.
    pub(super) fn is_number(&self, key: &str) -> bool {
        matches!(self.entries.get(key), Some(Node::Number(_)))
    }

    /// Tells that a key is needed.
    pub(super) fn missing(&self, key: &str, help: &str) {
        self.wrong(key, "it is missing", help);
    }

    /// Refuses the keys that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.entries.keys().filter(|key| !self.known.contains(key.as_str())) {
            let help = match suggest::closest(key, self.known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!(
                    "the keys here are `{}`",
                    self.known.iter().copied().collect::<Vec<_>>().join("`, `")
                ),
            };
            self.wrong(key, "the key is unknown", help);
        }
    }
}

/// A key below a path.
pub(super) fn join(path: &str, key: &str) -> String {
    let is_plain = key.chars().all(|it| it.is_ascii_alphanumeric() || "_-[]".contains(it));
    let key = if is_plain { key.to_owned() } else { format!("\"{key}\"") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
