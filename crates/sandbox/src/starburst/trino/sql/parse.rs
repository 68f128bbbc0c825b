//! Statements.

use super::reader::Reader;
use super::select::{Select, parse_select};
use super::token::Kind;
use crate::starburst::metastore::{Column, Security};
use crate::starburst::trino::error::{Location, QueryError};

/// A name of one to three parts, folded, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) parts: Vec<String>,
    pub(crate) location: Location,
}

/// What a comment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commented {
    Table,
    View,
    Column,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    CreateSchema {
        name: Name,
        if_not_exists: bool,
    },
    DropSchema {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    CreateTable {
        name: Name,
        columns: Vec<Column>,
        if_not_exists: bool,
    },
    DropTable {
        name: Name,
        if_exists: bool,
    },
    CreateView {
        name: Name,
        or_replace: bool,
        comment: Option<String>,
        security: Security,
        query: String,
        query_at: Location,
    },
    DropView {
        name: Name,
        if_exists: bool,
    },
    Comment {
        on: Commented,
        name: Name,
        comment: Option<String>,
    },
    ShowCatalogs {
        like: Option<String>,
    },
    ShowSchemas {
        catalog: Option<String>,
        like: Option<String>,
    },
    ShowTables {
        schema: Option<Name>,
        like: Option<String>,
    },
    ShowColumns {
        table: Name,
    },
    ShowCreateView {
        name: Name,
    },
    Select(Select),
    Use {
        name: Name,
    },
    Prepare {
        name: String,
        sql: String,
    },
    Execute {
        name: String,
        parameters: Vec<String>,
    },
    ExecuteImmediate {
        sql: String,
        parameters: Vec<String>,
    },
    Deallocate {
        name: String,
    },
}

impl Statement {
    /// Whether it changes what the cluster holds.
    pub(crate) fn is_ddl(&self) -> bool {
        matches!(
            self,
            Self::CreateSchema { .. }
                | Self::DropSchema { .. }
                | Self::CreateTable { .. }
                | Self::DropTable { .. }
                | Self::CreateView { .. }
                | Self::DropView { .. }
                | Self::Comment { .. }
        )
    }
}

/// Statements that Trino knows and the sandbox does not.
const UNKNOWN_HERE: &[&str] = &[
    "ALTER", "ANALYZE", "CALL", "COMMIT", "DELETE", "DENY", "EXPLAIN", "GRANT", "INSERT", "MERGE",
    "REFRESH", "RESET", "REVOKE", "ROLLBACK", "SET", "START", "TRUNCATE", "UPDATE",
];

/// Reads one statement.
///
/// # Errors
/// `SYNTAX_ERROR`, and `NOT_SUPPORTED` for statements that Trino knows and the sandbox does not.
pub(crate) fn parse(sql: &str) -> Result<Statement, QueryError> {
    let mut reader = Reader::new(sql)?;
    let first = reader.peek().clone();
    let Kind::Word(word) = &first.kind else {
        if first.is_symbol('(') {
            return Err(QueryError::not_supported("the sandbox does not run this query"));
        }
        return Err(reader.unexpected());
    };
    let statement = match word.to_uppercase().as_str() {
        "CREATE" => parse_create(&mut reader)?,
        "DROP" => parse_drop(&mut reader)?,
        "COMMENT" => parse_comment(&mut reader)?,
        "SHOW" => parse_show(&mut reader)?,
        "DESCRIBE" | "DESC" => {
            reader.next();
            Statement::ShowColumns { table: reader.name()? }
        }
        "SELECT" | "WITH" | "VALUES" => Statement::Select(parse_select(&mut reader)?),
        "USE" => {
            reader.next();
            Statement::Use { name: reader.name()? }
        }
        "PREPARE" => parse_prepare(&mut reader)?,
        "EXECUTE" => parse_execute(&mut reader)?,
        "DEALLOCATE" => {
            reader.next();
            reader.expect("PREPARE")?;
            Statement::Deallocate { name: reader.identifier()? }
        }
        word if UNKNOWN_HERE.contains(&word) => {
            return Err(QueryError::not_supported(format!("the sandbox does not run {word}")));
        }
        _ => return Err(reader.unexpected()),
    };
    reader.expect_end()?;
    Ok(statement)
}

fn parse_create(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    reader.next();
    let or_replace = reader.accept_all(&["OR", "REPLACE"]);
    if reader.accept("VIEW") {
        return parse_create_view(reader, or_replace);
    }
    if !or_replace && reader.accept("SCHEMA") {
        return parse_create_schema(reader);
    }
    if !or_replace && reader.accept("TABLE") {
        return parse_create_table(reader);
    }
    if reader.peek().is_any_word(&["MATERIALIZED", "TABLE", "FUNCTION", "ROLE", "CATALOG"]) {
        return Err(QueryError::not_supported("the sandbox does not create this"));
    }
    Err(reader.unexpected())
}

fn parse_create_schema(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    let if_not_exists = reader.accept_all(&["IF", "NOT", "EXISTS"]);
    let name = reader.name()?;
    if reader.accept("AUTHORIZATION") {
        reader.accept("USER");
        reader.accept("ROLE");
        reader.identifier()?;
    }
    if reader.accept("WITH") {
        reader.brackets()?;
    }
    Ok(Statement::CreateSchema { name, if_not_exists })
}

fn parse_create_table(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    let if_not_exists = reader.accept_all(&["IF", "NOT", "EXISTS"]);
    let name = reader.name()?;
    if !reader.peek().is_symbol('(') {
        return Err(QueryError::not_supported("the sandbox creates tables from columns only"));
    }
    let columns = parse_columns(reader.brackets()?)?;
    if reader.accept("WITH") {
        reader.brackets()?;
    }
    Ok(Statement::CreateTable { name, columns, if_not_exists })
}

/// `id bigint, "a b" varchar(20) COMMENT 'text'`
fn parse_columns(text: &str) -> Result<Vec<Column>, QueryError> {
    let mut reader = Reader::new(text)?;
    let mut columns = Vec::new();
    loop {
        let name = reader.identifier()?;
        let r#type = parse_type(text, &mut reader)?;
        let comment = if reader.accept("COMMENT") { Some(reader.text()?) } else { None };
        columns.push(Column { name, r#type, comment });
        if !reader.accept_symbol(',') {
            break;
        }
    }
    reader.expect_end()?;
    Ok(columns)
}

/// A type's words and brackets, as they are written.
fn parse_type(text: &str, reader: &mut Reader<'_>) -> Result<String, QueryError> {
    let (start, mut end) = (reader.peek().start, reader.peek().end);
    reader.identifier()?;
    loop {
        if reader.peek().is_symbol('(') {
            reader.brackets()?;
            // The bracket that closes is right before whatever comes next.
            end = text[..reader.peek().start].trim_end().len();
        } else if matches!(reader.peek().kind, Kind::Word(_)) && !reader.peek().is_word("COMMENT") {
            end = reader.next().end;
        } else {
            return Ok(text[start..end].to_lowercase());
        }
    }
}

fn parse_create_view(reader: &mut Reader<'_>, or_replace: bool) -> Result<Statement, QueryError> {
    let name = reader.name()?;
    let comment = if reader.accept("COMMENT") { Some(reader.text()?) } else { None };
    let security = parse_security(reader)?;
    if reader.accept("WITH") {
        reader.brackets()?;
    }
    reader.expect("AS")?;
    if !reader.peek().is_any_word(&["SELECT", "WITH", "VALUES", "TABLE"])
        && !reader.peek().is_symbol('(')
    {
        return Err(reader.unexpected());
    }
    let query_at = reader.location();
    let query = reader.rest().to_owned();
    Ok(Statement::CreateView { name, or_replace, comment, security, query, query_at })
}

fn parse_security(reader: &mut Reader<'_>) -> Result<Security, QueryError> {
    if !reader.accept("SECURITY") {
        return Ok(Security::default());
    }
    if reader.accept("DEFINER") {
        return Ok(Security::Definer);
    }
    reader.expect("INVOKER").map(|()| Security::Invoker)
}

fn parse_drop(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    reader.next();
    if reader.accept("SCHEMA") {
        let (if_exists, name) = (reader.accept_all(&["IF", "EXISTS"]), reader.name()?);
        let cascade = reader.accept("CASCADE");
        if !cascade {
            reader.accept("RESTRICT");
        }
        return Ok(Statement::DropSchema { name, if_exists, cascade });
    }
    if reader.accept("VIEW") {
        let if_exists = reader.accept_all(&["IF", "EXISTS"]);
        return Ok(Statement::DropView { if_exists, name: reader.name()? });
    }
    if reader.accept("TABLE") {
        let if_exists = reader.accept_all(&["IF", "EXISTS"]);
        return Ok(Statement::DropTable { if_exists, name: reader.name()? });
    }
    if reader.peek().is_any_word(&["MATERIALIZED", "FUNCTION", "ROLE", "CATALOG"]) {
        return Err(QueryError::not_supported("the sandbox does not drop this"));
    }
    Err(reader.unexpected())
}

fn parse_comment(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    reader.next();
    reader.expect("ON")?;
    let on = if reader.accept("VIEW") {
        Commented::View
    } else if reader.accept("COLUMN") {
        Commented::Column
    } else {
        reader.expect("TABLE")?;
        Commented::Table
    };
    let name = reader.name()?;
    reader.expect("IS")?;
    let comment = if reader.accept("NULL") { None } else { Some(reader.text()?) };
    Ok(Statement::Comment { on, name, comment })
}

fn parse_show(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    reader.next();
    if reader.accept("CATALOGS") {
        return Ok(Statement::ShowCatalogs { like: parse_like(reader)? });
    }
    if reader.accept("SCHEMAS") {
        let is_given = reader.accept("FROM") || reader.accept("IN");
        let catalog = if is_given { Some(reader.identifier()?) } else { None };
        return Ok(Statement::ShowSchemas { catalog, like: parse_like(reader)? });
    }
    if reader.accept("TABLES") {
        let is_given = reader.accept("FROM") || reader.accept("IN");
        let schema = if is_given { Some(reader.name()?) } else { None };
        return Ok(Statement::ShowTables { schema, like: parse_like(reader)? });
    }
    if reader.accept("COLUMNS") {
        if !reader.accept("IN") {
            reader.expect("FROM")?;
        }
        return Ok(Statement::ShowColumns { table: reader.name()? });
    }
    if reader.accept_all(&["CREATE", "VIEW"]) {
        return Ok(Statement::ShowCreateView { name: reader.name()? });
    }
    if reader.peek().is_any_word(&[
        "CREATE",
        "FUNCTIONS",
        "GRANTS",
        "ROLE",
        "ROLES",
        "SESSION",
        "STATS",
    ]) {
        return Err(QueryError::not_supported("the sandbox does not show this"));
    }
    Err(reader.unexpected())
}

fn parse_like(reader: &mut Reader<'_>) -> Result<Option<String>, QueryError> {
    if reader.accept("LIKE") { reader.text().map(Some) } else { Ok(None) }
}

fn parse_prepare(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    reader.next();
    let name = reader.identifier()?;
    reader.expect("FROM")?;
    Ok(Statement::Prepare { name, sql: reader.rest().to_owned() })
}

fn parse_execute(reader: &mut Reader<'_>) -> Result<Statement, QueryError> {
    reader.next();
    if reader.accept("IMMEDIATE") {
        let sql = reader.text()?;
        return Ok(Statement::ExecuteImmediate { sql, parameters: parse_using(reader)? });
    }
    let name = reader.identifier()?;
    Ok(Statement::Execute { name, parameters: parse_using(reader)? })
}

/// The texts after `USING`, cut at the commas outside of brackets.
fn parse_using(reader: &mut Reader<'_>) -> Result<Vec<String>, QueryError> {
    if !reader.accept("USING") {
        return Ok(Vec::new());
    }
    let text = reader.rest();
    let (mut parameters, mut start, mut depth) = (Vec::new(), 0, 0);
    for token in super::token::tokenize(text)? {
        match token.kind {
            Kind::Symbol('(' | '[') => depth += 1,
            Kind::Symbol(')' | ']') => depth -= 1,
            Kind::Symbol(',') if depth == 0 => {
                parameters.push(text[start..token.start].trim().to_owned());
                start = token.end;
            }
            _ => {}
        }
    }
    parameters.push(text[start..].trim().to_owned());
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sql: &str) -> String {
        parse(sql).unwrap_err().full_message()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = [
            ("CREATE SCHEMA a.b;", "line 1:18: mismatched input ';'"),
            ("CREATE VIEW a.b.order AS SELECT 1", "line 1:17: mismatched input 'order'"),
            (
                "CREATE VIEW a.b.c SECURITY DEFINER COMMENT 'x' AS SELECT 1",
                "line 1:36: mismatched input 'COMMENT'",
            ),
            ("CREATE VIEW a.b.c AS", "line 1:21: mismatched input '<EOF>'"),
            ("COMMENT ON VIEW a.b.c IS text", "line 1:26: mismatched input 'text'"),
            ("DROP SCHEMA", "line 1:12: mismatched input '<EOF>'"),
            ("SELECT * FROM ..", "line 1:15: mismatched input '.'"),
            ("HELLO", "line 1:1: mismatched input 'HELLO'"),
            ("", "line 1:1: mismatched input '<EOF>'"),
        ];
        for (sql, message) in wrong {
            assert_eq!(error(sql), message, "{sql}");
        }
    }

    #[test]
    fn what_trino_knows_and_the_sandbox_does_not_is_not_supported() {
        for sql in [
            "INSERT INTO a VALUES (1)",
            "DROP ROLE x",
            "EXPLAIN SELECT 1",
            "CREATE TABLE a AS SELECT 1",
        ] {
            assert_eq!(parse(sql).unwrap_err().name, "NOT_SUPPORTED", "{sql}");
        }
    }

    #[test]
    fn a_view_keeps_the_text_of_its_query() {
        let sql = "create or replace view \"Dp\".s.\"a \"\"b\"\"\" comment 'it''s' security invoker as\n  SELECT 'x',  1 -- end\n";
        let Statement::CreateView { name, or_replace, comment, security, query, query_at } =
            parse(sql).unwrap()
        else {
            panic!("not a view")
        };
        assert_eq!(name.parts, ["dp", "s", "a \"b\""]);
        assert_eq!(query_at, Location { line_number: 2, column_number: 3 });
        assert!(or_replace && security == Security::Invoker);
        assert_eq!((comment.as_deref(), query.as_str()), (Some("it's"), "SELECT 'x',  1 -- end"));
    }

    #[test]
    fn columns_have_types_with_brackets_and_words() {
        let sql = "CREATE TABLE a.b.c (id bigint, n decimal(10, 2) COMMENT 'n', t timestamp(3) with time zone, r row(x bigint))";
        let Statement::CreateTable { columns, .. } = parse(sql).unwrap() else { panic!() };
        let types: Vec<_> = columns.iter().map(|column| column.r#type.as_str()).collect();
        assert_eq!(
            types,
            ["bigint", "decimal(10, 2)", "timestamp(3) with time zone", "row(x bigint)"]
        );
        assert_eq!(columns[1].comment.as_deref(), Some("n"));
    }

    #[test]
    fn parameters_are_cut_at_their_commas() {
        let sql = "EXECUTE IMMEDIATE 'SELECT ?, ?' USING 'a,b', decimal('1')";
        let Statement::ExecuteImmediate { parameters, .. } = parse(sql).unwrap() else { panic!() };
        assert_eq!(parameters, ["'a,b'", "decimal('1')"]);
    }
}
