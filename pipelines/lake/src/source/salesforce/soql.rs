//! The queries: all fields of a window of time, in the order of (stamp, Id), from behind a record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A record's place in the order: `["2026-03-01T10:00:00.000Z", "001..."]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key(pub(super) Option<Timestamp>, pub(super) String);

/// What of an object is read.
#[derive(Debug, Clone)]
pub(super) struct Query<'q> {
    pub(super) object: &'q str,
    /// The field that says when a record changed last; objects without one are read as a whole.
    pub(super) stamp: Option<&'q str>,
    /// A condition of the dataset's own.
    pub(super) filter: Option<&'q str>,
    pub(super) from: Option<Timestamp>,
    /// None: whatever changed a moment ago is read, too.
    pub(super) to: Option<Timestamp>,
    /// At most so many records.
    pub(super) limit: Option<u64>,
}

impl Query<'_> {
    /// The records behind `after`.
    pub(super) fn records(&self, fields: &[String], after: Option<&Key>) -> String {
        let order = match self.stamp {
            Some(stamp) => format!("{stamp} ASC, Id ASC"),
            None => "Id ASC".to_owned(),
        };
        let limit = self.limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        format!(
            "SELECT {} FROM {}{} ORDER BY {order}{limit}",
            fields.join(", "),
            self.object,
            self.conditions(after, None)
        )
    }

    /// The number of records that are not deleted.
    pub(super) fn count(&self, has_deleted: bool) -> String {
        let live = has_deleted.then_some("IsDeleted = false");
        format!("SELECT COUNT() FROM {}{}", self.object, self.conditions(None, live))
    }

    /// Those of these ids that lie in the recycle bin.
    pub(super) fn in_recycle_bin(&self, ids: &[&str]) -> String {
        let ids = ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(",");
        format!("SELECT Id FROM {} WHERE IsDeleted = true AND Id IN ({ids})", self.object)
    }

    /// The first record of all.
    pub(super) fn oldest(&self, stamp: &str) -> String {
        format!("SELECT {stamp} FROM {} ORDER BY {stamp} ASC LIMIT 1", self.object)
    }

    fn conditions(&self, after: Option<&Key>, more: Option<&str>) -> String {
        let mut conditions = Vec::new();
        match (self.stamp, after) {
            (Some(stamp), Some(Key(Some(at), id))) => {
                let (at, id) = (literal(*at), quoted(id));
                conditions.push(format!("({stamp} > {at} OR ({stamp} = {at} AND Id > {id}))"));
            }
            (None, Some(Key(_, id))) => conditions.push(format!("Id > {}", quoted(id))),
            (Some(stamp), _) => {
                let from = self.from.map(|from| format!("{stamp} >= {}", literal(from)));
                conditions.extend(from);
            }
            (None, None) => {}
        }
        let to = self.stamp.zip(self.to).map(|(stamp, to)| format!("{stamp} < {}", literal(to)));
        conditions.extend(to);
        conditions.extend(self.filter.map(|filter| format!("({filter})")));
        conditions.extend(more.map(str::to_owned));
        if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        }
    }
}

/// `2026-03-01T10:00:00.000Z`; finer times round up, so that neither of two windows at a boundary loses a record.
pub(super) fn literal(time: Timestamp) -> String {
    let millis = time.as_nanosecond().div_euclid(1_000_000);
    let millis = millis + i128::from(time.as_nanosecond().rem_euclid(1_000_000) != 0);
    let rounded = Timestamp::from_millisecond(millis as i64).unwrap_or(time);
    format!("{rounded:.3}")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_half_open_and_the_rest_of_one_stands_behind_a_record() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let query = Query {
            object: "Account",
            stamp: Some("SystemModstamp"),
            filter: Some("Type = 'A' OR Type = 'B'"),
            from: Some(time("2026-03-01T00:00:00Z")),
            to: Some(time("2026-03-02T00:00:00.0001Z")),
            limit: None,
        };
        let fields = ["Id".to_owned(), "Name".to_owned()];
        assert_eq!(
            query.records(&fields, None),
            "SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-03-01T00:00:00.000Z AND \
             SystemModstamp < 2026-03-02T00:00:00.001Z AND (Type = 'A' OR Type = 'B') ORDER BY SystemModstamp ASC, Id ASC"
        );
        let after = Key(Some(time("2026-03-01T10:00:00Z")), "00'1".to_owned());
        assert!(query.records(&fields, Some(&after)).contains(
            "WHERE (SystemModstamp > 2026-03-01T10:00:00.000Z OR (SystemModstamp = 2026-03-01T10:00:00.000Z AND Id > '00\\'1')) AND"
        ));
        assert!(query.count(true).ends_with("AND IsDeleted = false"));
        let whole = Query { stamp: None, filter: None, ..query };
        assert_eq!(whole.records(&fields, None), "SELECT Id, Name FROM Account ORDER BY Id ASC");
    }
}
