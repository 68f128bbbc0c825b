//! What a run did, counted by kind, and whether both sides agree afterwards.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::output;

/// So many are named of each kind.
const NAMED: usize = 3;

/// What a run did.
#[derive(Debug, Serialize)]
pub(super) struct Changes {
    #[serde(rename = "changes")]
    kinds: Vec<Kind>,
    /// How many things were compared, by looking into the services themselves.
    pub(super) compared: usize,
    /// What differs; nothing if both sides agree.
    pub(super) differences: Vec<String>,
}

/// One kind of change.
#[derive(Debug, Serialize)]
struct Kind {
    what: String,
    count: usize,
    for_instance: Vec<String>,
}

/// What the demo found out by itself when it looked into the services.
pub(super) struct Compared {
    pub(super) things: usize,
    pub(super) differences: Vec<String>,
}

impl Changes {
    /// Counts the results in a summary by the member `kind`, and names them by the member `name`.
    pub(super) fn of(summary: &Value, kind: &str, name: &str, compared: Compared) -> Self {
        let mut kinds = BTreeMap::<&str, Vec<&str>>::new();
        for result in summary["results"].as_array().into_iter().flatten() {
            let text = |member: &str| result[member].as_str().unwrap_or_default();
            kinds.entry(text(kind)).or_default().push(text(name));
        }
        let kind = |(what, names): (&str, Vec<&str>)| Kind {
            what: what.to_owned(),
            count: names.len(),
            for_instance: names.into_iter().take(NAMED).map(str::to_owned).collect(),
        };
        let mut kinds: Vec<_> = kinds.into_iter().map(kind).collect();
        // Those in step without a word are counted only.
        let unchanged = summary["unchanged"].as_u64().unwrap_or_default() as usize;
        if unchanged > 0 && !kinds.iter().any(|it| it.what == "unchanged") {
            let what = "unchanged".to_owned();
            kinds.push(Kind { what, count: unchanged, for_instance: Vec::new() });
        }
        Self { kinds, compared: compared.things, differences: compared.differences }
    }

    pub(super) fn agree(&self) -> bool {
        self.differences.is_empty()
    }

    pub(super) fn moved(&self, things: &str) -> String {
        let moved = self.kinds.iter().filter(|it| it.what != "unchanged");
        format!("{} {things}", moved.map(|it| it.count).sum::<usize>())
    }

    pub(super) fn table(&self) -> comfy_table::Table {
        let row = |it: &Kind| {
            let more = if it.count > it.for_instance.len() && !it.for_instance.is_empty() {
                ", ..."
            } else {
                ""
            };
            [it.what.clone(), it.count.to_string(), it.for_instance.join(", ") + more]
        };
        output::table(["WHAT", "COUNT", "FOR INSTANCE"], self.kinds.iter().map(row))
    }

    /// Whether both sides agree, in one line.
    pub(super) fn verdict(&self, things: &str) -> String {
        let compared = self.compared;
        match &self.differences[..] {
            [] => format!("both sides agree: {compared} {things} compared, no difference"),
            [first, ..] => format!(
                "BOTH SIDES DIFFER in {} of {compared} {things}: {first}",
                self.differences.len()
            ),
        }
    }
}
