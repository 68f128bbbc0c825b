//! Items in order: those of a partition or of all, of a table or of one of its indexes, a page at a time.

use rusqlite::types::Value as Sql;
use rusqlite::{Transaction, params_from_iter};

use super::super::{
    AttributeValue, Item, KeyAttribute, KeyKind, Page, Query, RangeCondition, Scan, Segment, Table,
};
use super::rows::{HASH_BYTES_MAX, Key, RANGE_BYTES_MAX, exact_key, from_json, key_bytes};
use super::{Checked, INVALID, Index};

/// Of one answer. Source: DynamoDB API reference, `Query` and `Scan`.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

const TOTAL_SEGMENTS_MAX: u32 = 1_000_000;

/// Which rows of a table, in which order, and how many.
pub(in crate::dynamodb) struct Selection {
    /// The index whose entries are read.
    index: Option<String>,
    conditions: Vec<&'static str>,
    values: Vec<Sql>,
    descending: bool,
    limit: usize,
}

impl Selection {
    pub(in crate::dynamodb) fn of_query(table: &Table, query: &Query) -> Checked<Self> {
        let (name, value) = &query.partition;
        if *name != table.hash.name {
            let missing = &table.hash.name;
            return Err(format!("Query condition missed key schema element: {missing}"));
        }
        let mut selection = Self::new(query.limit, query.descending)?;
        let hash = condition_bytes(&table.hash, value, HASH_BYTES_MAX)?;
        selection.add("k.hash = ?", [hash]);
        if let Some((name, condition)) = &query.range {
            let range = table.range.as_ref().filter(|range| range.name == *name);
            let range = range.ok_or_else(|| {
                format!("Query key condition not supported: `{name}` is not the sort key")
            })?;
            selection.add_range(range, condition)?;
        }
        if let Some(start) = &query.start {
            let key = start_key(table, start)?;
            let behind = if query.descending { "k.range < ?" } else { "k.range > ?" };
            selection.add(behind, [key.range]);
        }
        Ok(selection)
    }

    pub(in crate::dynamodb) fn of_scan(table: &Table, scan: &Scan) -> Checked<Self> {
        let mut selection = Self::new(scan.limit, false)?;
        selection.add_segment(scan.segment)?;
        if let Some(start) = &scan.start {
            let Key { hash, range } = start_key(table, start)?;
            selection.add("(k.hash, k.range) > (?, ?)", [hash, range]);
        }
        Ok(selection)
    }

    /// Those of an index: `query` names its keys, and a start has the keys of the table too.
    pub(in crate::dynamodb) fn of_index(
        table: &Table,
        index: &Index,
        query: Result<&Query, &Scan>,
    ) -> Checked<Self> {
        let (limit, start) = match query {
            Ok(query) => (query.limit, &query.start),
            Err(scan) => (scan.limit, &scan.start),
        };
        let mut selection = match query {
            Ok(query) => Self::of_query(&index.keys, &Query { start: None, ..query.clone() })?,
            Err(scan) => {
                let mut selection = Self::new(limit, false)?;
                selection.add_segment(scan.segment)?;
                selection
            }
        };
        selection.index = Some(index.name().to_owned());
        if let Some(start) = start {
            let wrong = || "The provided starting key is invalid".to_owned();
            let own = index.key_of(start).ok_or_else(wrong)?;
            let of_table = start_key(table, &table.key_of(start))?;
            let is_exact = start
                .keys()
                .all(|name| table.keys().chain(index.keys.keys()).any(|key| key.name == *name));
            if !is_exact {
                return Err(wrong());
            }
            let behind = if selection.descending {
                "(k.hash, k.range, k.item_hash, k.item_range) < (?, ?, ?, ?)"
            } else {
                "(k.hash, k.range, k.item_hash, k.item_range) > (?, ?, ?, ?)"
            };
            selection.add(behind, [own.hash, own.range, of_table.hash, of_table.range]);
        }
        Ok(selection)
    }

    fn add_segment(&mut self, segment: Option<Segment>) -> Checked<()> {
        let Some(segment) = segment else { return Ok(()) };
        if !(1..=TOTAL_SEGMENTS_MAX).contains(&segment.total) || segment.number >= segment.total {
            return Err("The Segment parameter is zero-based and must be less than parameter TotalSegments, which is 1 to 1000000".to_owned());
        }
        self.conditions.push("spread % ? = ?");
        let numbers = [segment.total, segment.number];
        self.values.extend(numbers.map(|number| Sql::Integer(number.into())));
        Ok(())
    }

    fn new(limit: Option<usize>, descending: bool) -> Checked<Self> {
        if limit == Some(0) {
            return Err("Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1".to_owned());
        }
        let limit = limit.unwrap_or(usize::MAX);
        Ok(Self { index: None, conditions: Vec::new(), values: Vec::new(), descending, limit })
    }

    fn add(&mut self, condition: &'static str, values: impl IntoIterator<Item = Vec<u8>>) {
        self.conditions.push(condition);
        self.values.extend(values.into_iter().map(Sql::Blob));
    }

    fn add_range(&mut self, range: &KeyAttribute, condition: &RangeCondition) -> Checked<()> {
        let bytes = |value| condition_bytes(range, value, RANGE_BYTES_MAX);
        match condition {
            RangeCondition::Equal(value) => self.add("k.range = ?", [bytes(value)?]),
            RangeCondition::Below(value) => self.add("k.range < ?", [bytes(value)?]),
            RangeCondition::AtMost(value) => self.add("k.range <= ?", [bytes(value)?]),
            RangeCondition::AtLeast(value) => self.add("k.range >= ?", [bytes(value)?]),
            RangeCondition::Above(value) => self.add("k.range > ?", [bytes(value)?]),
            RangeCondition::Between(low, high) => {
                let (low, high) = (bytes(low)?, bytes(high)?);
                if low > high {
                    return Err("Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound".to_owned());
                }
                self.add("k.range BETWEEN ? AND ?", [low, high]);
            }
            RangeCondition::BeginsWith(_) if range.kind == KeyKind::N => {
                return Err("Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N".to_owned());
            }
            RangeCondition::BeginsWith(value) => {
                let prefix = bytes(value)?;
                self.add("k.range >= ?", [prefix.clone()]);
                self.add("substr(k.range, 1, length(?)) = ?", [prefix.clone(), prefix]);
            }
        }
        Ok(())
    }

    /// The rows from the start, until the limit or the size of a page.
    pub(super) fn page(
        self,
        transaction: &Transaction<'_>,
        table: &Table,
    ) -> rusqlite::Result<Page> {
        let mut page = Page::default();
        let stopped = self.each(transaction, &table.name, |item| page.items.push(item))?;
        if stopped {
            page.last_key = page.items.last().map(|item| table.key_of(item));
        }
        Ok(page)
    }

    /// Takes the items one after the other; whether there may be more behind the last.
    pub(in crate::dynamodb) fn each(
        self,
        transaction: &Transaction<'_>,
        table: &str,
        mut take: impl FnMut(Item),
    ) -> rusqlite::Result<bool> {
        let mut statement = transaction.prepare_cached(&self.sql())?;
        let names = std::iter::once(table.to_owned()).chain(self.index).map(Sql::Text);
        let mut rows = statement.query(params_from_iter(names.chain(self.values)))?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            bytes += row.get_ref(0)?.as_str()?.len();
            count += 1;
            take(from_json(row, 0)?);
            if count == self.limit || bytes >= PAGE_BYTES_MAX {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn sql(&self) -> String {
        let (source, order) = match self.index {
            None => ("item AS k", &["hash", "range"][..]),
            Some(_) => (
                "entry AS k JOIN item AS i ON i.table_name = k.table_name AND i.hash = k.item_hash AND i.range = k.item_range",
                &["hash", "range", "item_hash", "item_range"][..],
            ),
        };
        let own = match self.index {
            None => &["k.table_name = ?"][..],
            Some(_) => &["k.table_name = ?", "k.index_name = ?"][..],
        };
        let conditions = [own, &self.conditions].concat().join(" AND ");
        let direction = if self.descending { "DESC" } else { "ASC" };
        let order: Vec<_> = order.iter().map(|column| format!("k.{column} {direction}")).collect();
        let item = if self.index.is_some() { "i.item" } else { "k.item" };
        format!("SELECT {item} FROM {source} WHERE {conditions} ORDER BY {}", order.join(", "))
    }
}

/// A value that a key is compared with.
fn condition_bytes(part: &KeyAttribute, value: &AttributeValue, max: usize) -> Checked<Vec<u8>> {
    if value.type_name() != format!("{:?}", part.kind) {
        return Err(format!("{INVALID}: Condition parameter type does not match schema type"));
    }
    key_bytes(part, value, max)
}

fn start_key(table: &Table, start: &Item) -> Checked<Key> {
    exact_key(table, start).map_err(|_| "The provided starting key is invalid".to_owned())
}
