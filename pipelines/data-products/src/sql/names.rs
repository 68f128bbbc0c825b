//! The tables that a view reads: which they are, and another catalog for them.
//!
//! Catalogs may have other names in Galaxy than in SEP. Only a name in three parts that stands where a table stands
//! (after `FROM`, `JOIN`, `TABLE` or a comma between tables) and the first three parts of a column in four are the
//! name of a table; `alias.column.field` is left alone.

use super::quote::qualified;
use super::tokens::{Token, tokens};

/// A table, folded as Trino folds names.
#[expect(clippy::struct_field_names, reason = "the parts of a name, as Trino calls them")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Table {
    pub(crate) catalog: String,
    pub(crate) schema: String,
    pub(crate) table: String,
}

/// The text with another catalog before every table for which `catalog_of` names one.
pub(crate) fn rewrite(text: &str, catalog_of: impl Fn(&Table) -> Option<String>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut copied = 0;
    for Found { table, range } in found(text) {
        let Some(catalog) = catalog_of(&table) else { continue };
        written.push_str(&text[copied..range.start]);
        written.push_str(&qualified(&[&catalog, &table.schema, &table.table]));
        copied = range.end;
    }
    written + &text[copied..]
}

/// The query without what may end a statement: semicolons, and comments after them.
pub(crate) fn query(text: &str) -> &str {
    let tokens = tokens(text);
    let end =
        tokens.iter().rev().find(|token| !token.is_symbol(";")).map_or(0, |token| token.range.end);
    let start = tokens.first().map_or(0, |token| token.range.start);
    &text[start.min(end)..end]
}

/// The query in what `SHOW CREATE VIEW` tells: what comes after the first bare `AS`.
pub(crate) fn created_query(text: &str) -> &str {
    let begins = tokens(text).into_iter().find(|token| token.is_word("as"));
    query(&text[begins.map_or(0, |token| token.range.end)..])
}

/// The tables that the text reads by their full names.
pub(crate) fn tables(text: &str) -> Vec<Table> {
    found(text).into_iter().map(|found| found.table).collect()
}

struct Found {
    table: Table,
    range: std::ops::Range<usize>,
}

fn found(text: &str) -> Vec<Found> {
    let tokens = tokens(text);
    let mut places = Places::default();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let parts = chain(&tokens[at..]);
        let is_table = parts.len() == 3 && places.expects_table() || parts.len() == 4;
        if is_table {
            let [catalog, schema, table] = [0, 1, 2].map(|part| parts[part].clone());
            let range = tokens[at].range.start..tokens[at + 4].range.end;
            found.push(Found { table: Table { catalog, schema, table }, range });
        }
        let length = (parts.len() * 2).saturating_sub(1).max(1);
        for token in &tokens[at..at + length] {
            places.pass(token);
        }
        at += length;
    }
    found
}

/// The names of a dotted name that begins here.
fn chain(tokens: &[Token]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = tokens;
    while let Some(name) = rest.first().and_then(Token::name) {
        names.push(name);
        match rest.get(1) {
            Some(dot)
                if dot.is_symbol(".") && rest.get(2).is_some_and(|it| it.name().is_some()) =>
            {
                rest = &rest[2..];
            }
            _ => break,
        }
    }
    names
}

/// Whether the next name is that of a table, by the clause at each depth of parentheses.
#[derive(Default)]
struct Places {
    /// For each open parenthesis, whether it opened within a `FROM` clause; the last one is that of this depth.
    outer: Vec<bool>,
    in_from: bool,
    expects: bool,
}

/// What ends a `FROM` clause.
const ENDS_FROM: [&str; 12] = [
    "select",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "union",
    "intersect",
    "except",
    "window",
];

impl Places {
    fn expects_table(&self) -> bool {
        self.expects
    }

    fn pass(&mut self, token: &Token) {
        let word = |words: &[&str]| words.iter().any(|it| token.is_word(it));
        let expected = std::mem::take(&mut self.expects);
        if token.is_symbol("(") {
            self.outer.push(self.in_from);
            // `FROM (a.b.c JOIN ...)`: still where a table stands.
            self.in_from &= expected;
            self.expects = expected;
        } else if token.is_symbol(")") {
            self.in_from = self.outer.pop().unwrap_or(false);
        } else if word(&["from", "join", "table"]) {
            self.in_from = true;
            self.expects = true;
        } else if word(&ENDS_FROM) {
            self.in_from = false;
        } else if token.is_symbol(",") {
            self.expects = self.in_from;
        } else if word(&["lateral"]) {
            self.expects = expected;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_view_comes_after_the_first_bare_as() {
        let shown = "CREATE VIEW c.s.\"as\" COMMENT 'as told' SECURITY DEFINER AS\nSELECT 1 AS x;";
        assert_eq!(created_query(shown), "SELECT 1 AS x");
        assert_eq!(created_query("SELECT 1"), "SELECT 1");
    }

    fn names(text: &str) -> Vec<String> {
        tables(text)
            .into_iter()
            .map(|it| format!("{}.{}.{}", it.catalog, it.schema, it.table))
            .collect()
    }

    #[test]
    fn tables_are_found_where_tables_stand() {
        let text = "WITH x AS (SELECT q.w.e FROM a.b.c) SELECT r.item.field, count(*) FROM \"D\".e.\"f$g\" r, h.i.j \
                    LEFT JOIN (SELECT 1 FROM k.l.m, n.o.p) s ON s.t.u = f(v.w.x, y.z.a) WHERE 'from q.q.q' = '' \
                    AND EXISTS (SELECT 1 FROM a.b.z) -- FROM no.no.no";
        assert_eq!(names(text), ["a.b.c", "d.e.f$g", "h.i.j", "k.l.m", "n.o.p", "a.b.z"]);
    }

    #[test]
    fn a_query_ends_before_its_semicolon() {
        assert_eq!(query(" -- first\n SELECT ';' ; ; -- the end;"), "SELECT ';'");
        assert_eq!(query("SELECT 1 -- the end"), "SELECT 1");
        assert_eq!(query(";"), "");
    }

    #[test]
    fn a_column_in_four_parts_names_its_table() {
        assert_eq!(names("SELECT a.b.c.d FROM a.b.c"), ["a.b.c", "a.b.c"]);
        assert_eq!(names("SELECT a.b.c FROM b.c"), [""; 0]);
    }

    #[test]
    fn parentheses_around_a_join_hide_no_table() {
        assert_eq!(
            names("SELECT * FROM ((a.b.c x CROSS JOIN a.b.d) JOIN a.b.e ON true)"),
            ["a.b.c", "a.b.d", "a.b.e"]
        );
    }

    #[test]
    fn only_the_names_of_other_catalogs_are_rewritten() {
        let text =
            "SELECT 'lake.raw.t' x, t.f.g FROM lake.raw.\"T x\" t JOIN other.raw.u ON t.id = u.id";
        let written = rewrite(text, |it| (it.catalog == "lake").then(|| "my\"lake".to_owned()));
        let expected = "SELECT 'lake.raw.t' x, t.f.g FROM \"my\"\"lake\".\"raw\".\"t x\" t JOIN other.raw.u ON t.id = u.id";
        assert_eq!(written, expected);
    }
}
