//! The text that Athena is given.

use stepwell_pipeline::HandlerError;

/// A query that reads, with views in front of it, each as `"name" AS (SELECT ...)`.
///
/// # Errors
/// [`HandlerError::Config`] for a statement of another kind.
pub(crate) fn with_views(views: &[String], sql: &str) -> Result<String, HandlerError> {
    let sql = sql.trim().trim_end_matches(';');
    let bare = without_comments(sql);
    let (word, rest) = first_word(bare);
    if !bare.starts_with('(') && !["select", "with", "values"].contains(&word.as_str()) {
        let first = bare.split_whitespace().next().unwrap_or("nothing");
        return Err(HandlerError::Config(format!(
            "the query begins with `{first}`; only what reads is run: write SELECT, WITH or VALUES"
        )));
    }
    if views.is_empty() {
        return Ok(sql.to_owned());
    }
    let views = views.join(",\n");
    let (second, behind) = first_word(rest);
    Ok(match (word.as_str(), second.as_str()) {
        ("with", "recursive") => format!("WITH RECURSIVE {views},\n{behind}"),
        ("with", _) => format!("WITH {views},\n{rest}"),
        _ => format!("WITH {views}\n{sql}"),
    })
}

/// A word in small letters, and what follows it.
fn first_word(sql: &str) -> (String, &str) {
    let sql = sql.trim_start();
    let end = sql.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(sql.len());
    (sql[..end].to_lowercase(), &sql[end..])
}

/// What stands behind the comments at the beginning.
fn without_comments(sql: &str) -> &str {
    let mut sql = sql.trim_start();
    loop {
        let end = match sql.get(..2) {
            Some("--") => "\n",
            Some("/*") => "*/",
            _ => return sql,
        };
        sql = sql.split_once(end).map_or("", |(_, behind)| behind).trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_come_in_front_of_any_query_that_reads() {
        let views = ["\"v\" AS (SELECT 1)".to_owned()];
        for (sql, expected) in [
            ("SELECT * FROM v;", "WITH \"v\" AS (SELECT 1)\nSELECT * FROM v"),
            (
                "-- why\n/* how */ with a AS (SELECT 2) SELECT 3",
                "WITH \"v\" AS (SELECT 1),\n a AS (SELECT 2) SELECT 3",
            ),
            (
                "WITH RECURSIVE a(n) AS (SELECT 2) SELECT 3",
                "WITH RECURSIVE \"v\" AS (SELECT 1),\n a(n) AS (SELECT 2) SELECT 3",
            ),
            ("(SELECT 1)", "WITH \"v\" AS (SELECT 1)\n(SELECT 1)"),
        ] {
            assert_eq!(with_views(&views, sql).unwrap(), expected);
        }
        assert_eq!(with_views(&[], " VALUES 1 ").unwrap(), "VALUES 1");
    }

    #[test]
    fn what_changes_something_is_refused_by_its_first_word() {
        for sql in [
            "DROP TABLE orders",
            "/* SELECT */ insert into t SELECT 1",
            "EXPLAIN ANALYZE INSERT INTO t SELECT 1",
            "-- SELECT",
            "",
        ] {
            let told = with_views(&[], sql).unwrap_err().to_string();
            assert!(told.contains("only what reads"), "{sql}: {told}");
        }
    }
}
