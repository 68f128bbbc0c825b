//! Runs statements against a metastore.

mod ddl;
mod lookup;
mod resolve;
mod show;
mod system;
mod view;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(crate) use lookup::is_like;

use super::error::QueryError;
use super::sql::{Statement, check_tokens, parse, substitute};
use crate::starburst::metastore::Metastore;

/// What a client sends along with each statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) catalog: Option<String>,
    pub(crate) schema: Option<String>,
    /// Prepared statements by name.
    pub(crate) prepared: BTreeMap<String, String>,
    /// Whether the role sees materialized views.
    pub(crate) sees_materialized_views: bool,
    /// Whether the client knows timestamps with a precision.
    pub(crate) knows_precision: bool,
}

/// How the cluster judges where it is not known how the real one does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// A view over what is not there is refused.
    pub(crate) checks_views: bool,
    /// `COMMENT ON VIEW` and `COMMENT ON COLUMN` work.
    pub(crate) comments_on_views: bool,
    /// `CREATE OR REPLACE VIEW` leaves comments as they were.
    pub(crate) replace_keeps_comments: bool,
}

/// What came of a statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// `CREATE VIEW`; none for queries.
    pub(crate) update_type: Option<&'static str>,
    /// Names and types.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// Response headers that change the client's session.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Outcome {
    /// Of what has no result: clients that need one get `true`.
    fn done(update_type: &'static str) -> Self {
        Self {
            update_type: Some(update_type),
            columns: vec![("result".to_owned(), "boolean".to_owned())],
            rows: vec![vec![json!(true)]],
            headers: Vec::new(),
        }
    }

    fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// One column of texts.
    fn texts(name: &str, texts: impl IntoIterator<Item = String>) -> Self {
        Self {
            columns: vec![(name.to_owned(), "varchar".to_owned())],
            rows: texts.into_iter().map(|text| vec![json!(text)]).collect(),
            ..Self::default()
        }
    }
}

/// Reads a statement; `EXECUTE` becomes the statement that it stands for.
pub(crate) fn understand(sql: &str, session: &Session) -> Result<Statement, QueryError> {
    match parse(sql)? {
        Statement::Execute { name, parameters } => {
            let prepared = session.prepared.get(&name).ok_or_else(|| {
                QueryError::new("NOT_FOUND")
                    .message(format!("Prepared statement not found: {name}"))
            })?;
            parse(&substitute(prepared, &parameters)?)
        }
        Statement::ExecuteImmediate { sql, parameters } => parse(&substitute(&sql, &parameters)?),
        statement => Ok(statement),
    }
}

/// Runs a statement.
pub(crate) fn execute(
    metastore: &mut Metastore,
    rules: Rules,
    session: &Session,
    statement: &Statement,
) -> Result<Outcome, QueryError> {
    match statement {
        Statement::CreateSchema { name, if_not_exists } => {
            ddl::create_schema(metastore, session, name, *if_not_exists)
        }
        Statement::DropSchema { name, if_exists, cascade } => {
            ddl::drop_schema(metastore, session, name, *if_exists, *cascade)
        }
        Statement::CreateTable { name, columns, if_not_exists } => {
            ddl::create_table(metastore, session, name, columns, *if_not_exists)
        }
        Statement::DropTable { name, if_exists } => {
            ddl::drop_table(metastore, session, name, *if_exists)
        }
        Statement::CreateView { .. } => view::create_view(metastore, rules, session, statement),
        Statement::DropView { name, if_exists } => {
            view::drop_view(metastore, session, name, *if_exists)
        }
        Statement::Comment { on, name, comment } => {
            ddl::comment(metastore, rules, session, *on, name, comment.as_deref())
        }
        Statement::ShowCatalogs { like } => Ok(show::catalogs(metastore, like.as_deref())),
        Statement::ShowSchemas { catalog, like } => {
            show::schemas(metastore, session, catalog.as_deref(), like.as_deref())
        }
        Statement::ShowTables { schema, like } => {
            show::tables(metastore, session, schema.as_ref(), like.as_deref())
        }
        Statement::ShowColumns { table } => show::columns(metastore, session, table),
        Statement::ShowCreateView { name } => show::create_view(metastore, session, name),
        Statement::Select(select) => lookup::select(metastore, session, select),
        Statement::Use { name } => ddl::use_schema(metastore, session, name),
        Statement::Prepare { name, sql } => {
            check_tokens(sql)?;
            let added = format!("{}={}", encode(name), encode(sql));
            Ok(Outcome::done("PREPARE").with_header("x-trino-added-prepare", added))
        }
        Statement::Deallocate { name } => {
            let done = Outcome::done("DEALLOCATE");
            Ok(done.with_header("x-trino-deallocated-prepare", encode(name)))
        }
        Statement::Execute { .. } | Statement::ExecuteImmediate { .. } => {
            Err(QueryError::not_supported("EXECUTE does not run EXECUTE"))
        }
    }
}

/// As values of headers are encoded.
fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
