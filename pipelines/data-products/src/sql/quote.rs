//! Names and texts in statements. Nothing else ever puts one there.

/// A name as an identifier, whatever is in it.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal, whatever is in it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A qualified name: `"catalog"."schema"."view"`.
pub(crate) fn qualified(parts: &[&str]) -> String {
    parts.iter().map(|part| identifier(part)).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(
            identifier("or\"ders\"; DROP SCHEMA x; --"),
            "\"or\"\"ders\"\"; DROP SCHEMA x; --\""
        );
        assert_eq!(literal("it's'; DROP"), "'it''s''; DROP'");
        assert_eq!(qualified(&["hive", "a.b", "select"]), "\"hive\".\"a.b\".\"select\"");
    }
}
