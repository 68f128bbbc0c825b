//! The query of a view, as far as `CREATE VIEW` judges it: which relations it reads, and which columns it puts out.
//!
//! Clauses after the relations are not judged, and expressions have no types: they come out as `varchar`.

use std::collections::HashSet;

use super::parse::Name;
use super::reader::Reader;
use super::token::{Kind, Token, tokenize};
use crate::starburst::trino::error::{Location, QueryError};

/// What a query reads and puts out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// The relations after `FROM` and `JOIN`, without names of `WITH`.
    pub(crate) relations: Vec<Name>,
    pub(crate) outputs: Vec<Output>,
    /// Whether all columns come from the relations: no `WITH`, no query inside the query.
    pub(crate) is_flat: bool,
}

/// A column that a query puts out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// `*` or `t.*`
    All,
    /// A column as it is.
    Column { source: String, name: String, location: Location },
    /// Anything else; without a name it gets `_colN`.
    Expression { name: Option<String>, r#type: String },
}

/// Reads the query of a view.
///
/// # Errors
/// `SYNTAX_ERROR`
pub(crate) fn analyze(sql: &str) -> Result<Analysis, QueryError> {
    let tokens = tokenize(sql)?;
    check_brackets(sql, &tokens)?;
    let with = names_of_with(&tokens);
    let relations = relations(sql, &tokens)?;
    let outputs = outputs(sql, &tokens)?;
    let queries = tokens.iter().filter(|token| token.is_any_word(&["SELECT", "VALUES"])).count();
    Ok(Analysis {
        is_flat: with.is_empty() && queries == 1,
        relations: relations.into_iter().filter(|name| !is_of_with(name, &with)).collect(),
        outputs,
    })
}

fn is_of_with(name: &Name, with: &HashSet<String>) -> bool {
    name.parts.len() == 1 && with.contains(&name.parts[0])
}

fn unexpected(sql: &str, token: &Token) -> QueryError {
    let input = if token.kind == Kind::End { "<EOF>" } else { &sql[token.start..token.end] };
    QueryError::syntax(format!("mismatched input '{input}'"), Location::of(sql, token.start))
}

fn check_brackets(sql: &str, tokens: &[Token]) -> Result<(), QueryError> {
    let mut depth = 0_usize;
    for token in tokens {
        match token.kind {
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') if depth == 0 => return Err(unexpected(sql, token)),
            Kind::Symbol(')') => depth -= 1,
            Kind::Symbol(';') => return Err(unexpected(sql, token)),
            Kind::End if depth > 0 => return Err(unexpected(sql, token)),
            _ => {}
        }
    }
    Ok(())
}

/// `WITH a AS (...), b (x) AS (...)`: what stands after `WITH` or a comma and before `AS (`.
fn names_of_with(tokens: &[Token]) -> HashSet<String> {
    let mut names = HashSet::new();
    for at in 1..tokens.len() {
        if !tokens[at - 1].is_any_word(&["WITH", "RECURSIVE"]) && !tokens[at - 1].is_symbol(',') {
            continue;
        }
        let Some(name) = tokens[at].identifier() else { continue };
        let after = past_brackets(tokens, at + 1);
        if tokens[after].is_word("AS") && tokens[after + 1].is_symbol('(') {
            names.insert(name);
        }
    }
    names
}

/// The place after `(...)`, or this place if there is none.
fn past_brackets(tokens: &[Token], at: usize) -> usize {
    if !tokens[at].is_symbol('(') {
        return at;
    }
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    tokens.len() - 1
}

/// Functions with a `FROM` of their own.
const FUNCTIONS_WITH_FROM: &[&str] = &["EXTRACT", "TRIM", "SUBSTRING"];

/// What can follow a relation.
const AFTER_A_RELATION: &[&str] = &[
    "CROSS",
    "EXCEPT",
    "FETCH",
    "FOR",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LEFT",
    "LIMIT",
    "MATCH_RECOGNIZE",
    "NATURAL",
    "OFFSET",
    "ON",
    "ORDER",
    "RIGHT",
    "TABLESAMPLE",
    "UNION",
    "USING",
    "WHERE",
    "WINDOW",
];

fn relations(sql: &str, tokens: &[Token]) -> Result<Vec<Name>, QueryError> {
    let mut found = Vec::new();
    let mut functions = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol('(') {
            functions.push(at > 0 && tokens[at - 1].is_any_word(FUNCTIONS_WITH_FROM));
        } else if token.is_symbol(')') {
            functions.pop();
        }
        let is_from = token.is_word("FROM")
            && functions.last() != Some(&true)
            && !tokens[at.saturating_sub(1)].is_word("DISTINCT");
        if is_from || token.is_word("JOIN") {
            relations_at(sql, tokens, at + 1, &mut found)?;
        }
    }
    Ok(found)
}

/// The relations of a list with commas.
fn relations_at(
    sql: &str,
    tokens: &[Token],
    mut at: usize,
    found: &mut Vec<Name>,
) -> Result<(), QueryError> {
    loop {
        at = relation_at(sql, tokens, at, found)?;
        if !tokens[at].is_symbol(',') {
            return Ok(());
        }
        at += 1;
    }
}

/// One relation with its alias; returns the place after it.
fn relation_at(
    sql: &str,
    tokens: &[Token],
    at: usize,
    found: &mut Vec<Name>,
) -> Result<usize, QueryError> {
    let first = &tokens[at];
    if first.is_symbol('(') {
        let second = &tokens[at + 1];
        // A query inside is met by its own `FROM`; a join inside begins with a relation.
        if !second.is_any_word(&["SELECT", "WITH", "VALUES"]) && !second.is_symbol('(') {
            relations_at(sql, tokens, at + 1, found)?;
        }
        return Ok(past_alias(tokens, past_brackets(tokens, at)));
    }
    if first.is_any_word(&["UNNEST", "LATERAL", "TABLE"]) {
        return Ok(past_alias(tokens, past_brackets(tokens, at + 1)));
    }
    let name =
        Reader::new(&sql[first.start..])?.name().map_err(|_| unexpected_name(sql, tokens, at))?;
    let after = past_alias(tokens, at + 2 * name.parts.len() - 1);
    let next = &tokens[after];
    let may_follow = matches!(next.kind, Kind::End | Kind::Symbol(',' | ')'))
        || next.is_any_word(AFTER_A_RELATION);
    if !may_follow {
        return Err(unexpected(sql, next));
    }
    found.push(Name { location: Location::of(sql, first.start), ..name });
    Ok(after)
}

/// Where a name breaks off.
fn unexpected_name(sql: &str, tokens: &[Token], mut at: usize) -> QueryError {
    while tokens[at].identifier().is_some() && tokens[at + 1].is_symbol('.') {
        at += 2;
    }
    unexpected(sql, &tokens[at])
}

/// `AS x (a, b)`
fn past_alias(tokens: &[Token], mut at: usize) -> usize {
    let is_as = tokens[at].is_word("AS");
    if is_as {
        at += 1;
    }
    let is_alias = tokens[at].identifier().is_some() && !tokens[at].is_any_word(AFTER_A_RELATION);
    if is_alias { past_brackets(tokens, at + 1) } else { at }
}

fn outputs(sql: &str, tokens: &[Token]) -> Result<Vec<Output>, QueryError> {
    let Some(select) = outermost_select(tokens) else { return Ok(values(tokens)) };
    let mut outputs = Vec::new();
    let mut start = select + 1;
    if tokens[start].is_any_word(&["DISTINCT", "ALL"]) {
        start += 1;
    }
    let (mut at, mut depth) = (start, 0);
    loop {
        let token = &tokens[at];
        let is_end = ends_list(token, depth);
        if is_end || (depth == 0 && token.is_symbol(',')) {
            if at == start {
                return Err(unexpected(sql, token));
            }
            outputs.push(output(sql, &tokens[start..at]));
            start = at + 1;
        }
        if is_end {
            return Ok(outputs);
        }
        match token.kind {
            Kind::Symbol('(' | '[') => depth += 1,
            Kind::Symbol(')' | ']') => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

fn ends_list(token: &Token, depth: i32) -> bool {
    const CLAUSES: &[&str] = &[
        "FROM",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "OFFSET",
        "FETCH",
        "WINDOW",
    ];
    token.kind == Kind::End || (depth == 0 && (token.is_any_word(CLAUSES) || token.is_symbol(')')))
}

/// The first `SELECT` that is not inside of `WITH`.
fn outermost_select(tokens: &[Token]) -> Option<usize> {
    let mut at = 0;
    while tokens[at].is_symbol('(') {
        at += 1;
    }
    if tokens[at].is_word("WITH") {
        loop {
            at += 1;
            if tokens[at].is_symbol('(') {
                at = past_brackets(tokens, at) - 1;
            }
            if tokens[at].is_word("SELECT") || tokens[at].kind == Kind::End {
                break;
            }
        }
    }
    tokens[at].is_word("SELECT").then_some(at)
}

/// `VALUES (1, 'a'), ...`: as many columns as the first row has.
fn values(tokens: &[Token]) -> Vec<Output> {
    let first = tokens.iter().position(|token| token.is_word("VALUES")).unwrap_or_default() + 1;
    let end = past_brackets(tokens, first.min(tokens.len() - 1));
    let row = tokens.get(first..end).unwrap_or_default();
    let columns = 1 + row.iter().filter(|token| token.is_symbol(',')).count();
    (0..columns).map(|_| Output::Expression { name: None, r#type: "varchar".to_owned() }).collect()
}

fn output(sql: &str, tokens: &[Token]) -> Output {
    let last = tokens.last().expect("an output has a token");
    if last.is_symbol('*') && (tokens.len() == 1 || tokens[tokens.len() - 2].is_symbol('.')) {
        return Output::All;
    }
    let (expression, alias) = cut_alias(tokens);
    if let Some(source) = column(expression) {
        let location = Location::of(sql, tokens[0].start);
        return Output::Column { name: alias.unwrap_or_else(|| source.clone()), source, location };
    }
    Output::Expression { name: alias, r#type: type_of(sql, expression) }
}

/// `expression AS name` or `expression name`.
fn cut_alias(tokens: &[Token]) -> (&[Token], Option<String>) {
    let [before @ .., last] = tokens else { return (tokens, None) };
    let Some(name) = last.identifier() else { return (tokens, None) };
    match before {
        [expression @ .., r#as] if r#as.is_word("AS") => (expression, Some(name)),
        [.., previous] if ends_expression(previous) => (before, Some(name)),
        _ => (tokens, None),
    }
}

fn ends_expression(token: &Token) -> bool {
    match &token.kind {
        Kind::Symbol(symbol) => matches!(symbol, ')' | ']'),
        Kind::Word(_) => {
            token.identifier().is_some() || token.is_any_word(&["END", "NULL", "TRUE", "FALSE"])
        }
        Kind::Quoted(_) | Kind::Text(_) | Kind::Number(_) => true,
        Kind::End => false,
    }
}

/// The last part of `a`, `t.a`, `c.s.t.a`.
fn column(tokens: &[Token]) -> Option<String> {
    let is_chain = tokens.iter().enumerate().all(|(place, token)| {
        if place % 2 == 0 { token.identifier().is_some() } else { token.is_symbol('.') }
    });
    if is_chain { tokens.last()?.identifier() } else { None }
}

fn type_of(sql: &str, tokens: &[Token]) -> String {
    match tokens {
        [Token { kind: Kind::Text(text), .. }] => format!("varchar({})", text.chars().count()),
        [Token { kind: Kind::Number(digits), .. }] if !digits.contains('.') => "integer".to_owned(),
        [first, .., last] if first.is_any_word(&["CAST", "TRY_CAST"]) && last.is_symbol(')') => {
            let r#as = tokens.iter().rposition(|token| token.is_word("AS"));
            let cast = r#as.map(|at| sql[tokens[at].end..last.start].trim().to_lowercase());
            cast.unwrap_or_else(|| "varchar".to_owned())
        }
        [first, second, ..] if first.is_word("count") && second.is_symbol('(') => {
            "bigint".to_owned()
        }
        _ => "varchar".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relations_of(sql: &str) -> Vec<String> {
        let relations = analyze(sql).unwrap().relations;
        relations.iter().map(|name| name.parts.join(".")).collect()
    }

    fn names_of(sql: &str) -> Vec<String> {
        let outputs = analyze(sql).unwrap().outputs;
        let name = |output: Output| match output {
            Output::All => "*".to_owned(),
            Output::Column { name, .. } => name,
            Output::Expression { name, .. } => name.unwrap_or_else(|| "?".to_owned()),
        };
        outputs.into_iter().map(name).collect()
    }

    #[test]
    fn relations_are_found_wherever_they_stand() {
        assert_eq!(
            relations_of("SELECT a FROM x.y.z t, \"A b\".c.d JOIN e USING (id) WHERE 1 = 1"),
            ["x.y.z", "a b.c.d", "e"]
        );
        assert_eq!(
            relations_of(
                "WITH w AS (SELECT 1 FROM a.b.c) SELECT * FROM w JOIN (d CROSS JOIN e) ON true"
            ),
            ["a.b.c", "d", "e"]
        );
        assert_eq!(
            relations_of(
                "SELECT extract(year FROM d), trim(BOTH ' ' FROM n), a IS DISTINCT FROM b FROM t WHERE x IN (SELECT x FROM u)"
            ),
            ["t", "u"]
        );
        assert_eq!(relations_of("SELECT * FROM UNNEST(ARRAY[1, 2]) AS t (n)"), [""; 0]);
        assert_eq!(relations_of("(SELECT 1 FROM a UNION ALL SELECT 2 FROM b)"), ["a", "b"]);
    }

    #[test]
    fn outputs_are_named_as_trino_names_them() {
        assert_eq!(
            names_of("SELECT a, t.\"B\", c AS d, count(*) n, 1, x + 1, *, t.* FROM t"),
            ["a", "b", "d", "n", "?", "?", "*", "*"]
        );
        assert_eq!(names_of("WITH w AS (SELECT 1 x FROM t) SELECT DISTINCT y FROM w"), ["y"]);
        assert_eq!(
            names_of("SELECT CASE WHEN a THEN b ELSE c END AS z, CAST(q AS bigint) r"),
            ["z", "r"]
        );
        assert_eq!(names_of("VALUES (1, 'a'), (2, 'b')"), ["?", "?"]);
    }

    #[test]
    fn names_that_need_quotes_are_syntax_errors_without() {
        let wrong = [
            ("SELECT * FROM a.b-c.d", "line 1:18: mismatched input '-'"),
            ("SELECT * FROM a.b.order", "line 1:19: mismatched input 'order'"),
            ("SELECT * FROM a..b", "line 1:17: mismatched input '.'"),
            ("SELECT * FROM a;", "line 1:16: mismatched input ';'"),
            ("SELECT f(a FROM b", "line 1:18: mismatched input '<EOF>'"),
            ("SELECT FROM a", "line 1:8: mismatched input 'FROM'"),
        ];
        for (sql, message) in wrong {
            assert_eq!(analyze(sql).unwrap_err().full_message(), message, "{sql}");
        }
    }
}
