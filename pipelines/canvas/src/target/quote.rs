//! Identifiers in SQL. Nothing else ever puts a name into a statement, and values are always parameters.

/// An identifier as both PostgreSQL and SQLite take it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several identifiers, each after a prefix such as `t.`.
pub(super) fn quote_all<'a>(prefix: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> =
        names.into_iter().map(|name| format!("{prefix}{}", quote(name))).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(quote("id"), "\"id\"");
        assert_eq!(quote("a\"; drop table b; --"), "\"a\"\"; drop table b; --\"");
        assert_eq!(quote_all("t.", ["a", "b"]), "t.\"a\", t.\"b\"");
    }
}
