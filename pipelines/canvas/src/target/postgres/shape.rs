//! Changing a table's shape to that of a new schema, inside the transaction that publishes its rows.
//!
//! The table's real columns are compared with those that are due, so that it does not matter who changed what.
//! Columns that neither this schema nor the one before it names are the user's and left alone. A column that
//! is wider than declared stays so.
//!
//! Values that a conversion to the new type of their column would not keep need rows that replace them: an increment
//! is refused, all of a table converts or empties the column before it fills it.

use tokio_postgres::error::SqlState;

use super::load::Job;
use super::session::Session;
use super::staging::{relaxing, widening};
use super::table::Table;
use super::{defaults, state, views};
use crate::schema::{Column, ColumnType, TableSchema};
use crate::target::conversion;
use crate::target::quote::quote;
use crate::target::staged::Staged;
use crate::target::{Layout, TargetError};

/// A column as the table has it.
struct Present {
    name: String,
    ty: String,
    not_null: bool,
    used_by_view: bool,
}

/// What is to be done, and how to tell it.
#[derive(Default)]
struct Plan {
    actions: Vec<String>,
    told: Vec<String>,
    added: Vec<String>,
    /// Views must be taken down for these.
    retyped: Vec<Retyped>,
}

/// A column that gets another type.
struct Retyped {
    column: Column,
    not_null: bool,
    converting: String,
    found: String,
    due: String,
    /// Every value is the same after the conversion.
    keeps_values: bool,
}

/// How a table came into its shape.
pub(super) struct Evolved {
    /// What was done, one sentence each.
    pub(super) told: Vec<String>,
    /// Columns that were emptied, and are never null once they are filled again.
    emptied: Vec<Column>,
}

/// Brings a table into the shape of its schema and of the rows that are staged for it.
pub(super) async fn evolve(
    session: &Session,
    job: &Job,
    staged: &Staged,
) -> Result<Evolved, TargetError> {
    let (schema, table) = (&job.request.schema, &job.table);
    let present = present(session, table).await?;
    let mut plan = Plan::default();
    for name in dropped_upstream(session, table).await? {
        if let Some(column) = present.iter().find(|it| it.name == name) {
            plan.drop_column(column);
        }
    }
    for column in &table.columns {
        match present.iter().find(|it| it.name == column.name) {
            None => plan.add_column(session, table, column, staged).await?,
            Some(found) => plan.fit_column(table, column, found, staged),
        }
    }
    plan.refuse_altering(job)?;
    let emptied = plan.carry_out(session, job, staged).await?;
    comment(session, schema, table, |column| plan.added.contains(&column.name)).await?;
    Ok(Evolved { told: plan.told, emptied })
}

impl Evolved {
    /// Once the emptied columns are filled again.
    pub(super) async fn require(
        &self,
        session: &Session,
        table: &Table,
    ) -> Result<(), TargetError> {
        for column in &self.emptied {
            let name = quote(&column.name);
            let sql = format!("ALTER TABLE {} ALTER COLUMN {name} SET NOT NULL", table.target());
            session.batch("requiring a column", &sql).await?;
        }
        Ok(())
    }
}

async fn present(session: &Session, table: &Table) -> Result<Vec<Present>, TargetError> {
    let sql = "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, EXISTS (
                 SELECT FROM pg_catalog.pg_depend d
                 WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass
                   AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum)
               FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";
    let rows = session.query("looking at the table", sql, &[&table.target()]).await?;
    let read = |row: &tokio_postgres::Row| Present {
        name: row.get(0),
        ty: row.get(1),
        not_null: row.get(2),
        used_by_view: row.get(3),
    };
    Ok(rows.iter().map(read).collect())
}

/// The columns that the published schema had and the new one has not.
async fn dropped_upstream(session: &Session, table: &Table) -> Result<Vec<String>, TargetError> {
    let before = state::read(session, &table.name, table.layout).await?;
    let gone = |name: &String| table.columns.iter().all(|column| column.name != *name);
    Ok(before.into_iter().flat_map(|it| it.state.columns).filter(gone).collect())
}

impl Plan {
    fn drop_column(&mut self, column: &Present) {
        let name = quote(&column.name);
        if !column.used_by_view {
            self.actions.push(format!("DROP COLUMN {name}"));
            return self.told.push(format!("column `{}` was dropped", column.name));
        }
        if column.not_null {
            self.actions.push(format!("ALTER COLUMN {name} DROP NOT NULL"));
        }
        self.told.push(format!(
            "column `{}` is gone from the source; it is kept, no longer filled, because a view uses it",
            column.name
        ));
    }

    async fn add_column(
        &mut self,
        session: &Session,
        table: &Table,
        column: &Column,
        staged: &Staged,
    ) -> Result<(), TargetError> {
        let default = &defaults::clauses(session, table, std::slice::from_ref(column)).await?[0];
        let required =
            column.required && !default.is_empty() && !staged.relaxed.contains(&column.name);
        let null = if required { " NOT NULL" } else { "" };
        let ty = if staged.widened.contains(&column.name) {
            Table::staging_type(column)
        } else {
            table.column_type(column)
        };
        self.actions.push(format!("ADD COLUMN {} {ty}{null}{default}", quote(&column.name)));
        self.told.push(format!("column `{}` was added", column.name));
        self.added.push(column.name.clone());
        Ok(())
    }

    fn fit_column(&mut self, table: &Table, column: &Column, found: &Present, staged: &Staged) {
        let name = &column.name;
        let due = table.column_type(column);
        if found.not_null && !column.key && (!column.required || staged.relaxed.contains(name)) {
            self.actions.push(relaxing(column));
            self.told.push(format!("column `{name}` now holds nulls"));
        }
        if staged.widened.contains(name) && !is_unlimited(&found.ty) {
            let due = Table::staging_type(column);
            self.retype(table, column, found, widening(column), &due);
            self.told
                .push(format!("column `{name}` was widened from {} for longer values", found.ty));
        } else if !same_type(&found.ty, &due) && !is_wider(&found.ty, &due) {
            self.retype(table, column, found, retyping(column, &found.ty, &due), &due);
            self.told.push(format!("column `{name}` changed from {} to {due}", found.ty));
        }
    }

    fn retype(
        &mut self,
        table: &Table,
        column: &Column,
        found: &Present,
        converting: String,
        due: &str,
    ) {
        self.retyped.push(Retyped {
            column: column.clone(),
            not_null: found.not_null,
            converting,
            found: found.ty.clone(),
            due: due.to_owned(),
            keeps_values: keeps_values(table.layout, &found.ty, &column.ty),
        });
    }

    /// An increment does not bring the values that a conversion would alter.
    fn refuse_altering(&self, job: &Job) -> Result<(), TargetError> {
        let mut altering = self.retyped.iter().filter(|it| !it.keeps_values);
        let Some(Retyped { column, found, due, .. }) = altering.next().filter(|_| !job.is_whole())
        else {
            return Ok(());
        };
        let cause = format!(
            "column `{}` would change from {found} to {due}, which does not keep every value",
            column.name
        );
        Err(TargetError::Unconvertible { table: job.table.name.clone(), cause })
    }

    /// Gives the columns that were emptied for it and must not stay so.
    async fn carry_out(
        &self,
        session: &Session,
        job: &Job,
        staged: &Staged,
    ) -> Result<Vec<Column>, TargetError> {
        let target = job.table.target();
        if self.retyped.is_empty() {
            if !self.actions.is_empty() {
                session.batch(&self.doing(&target), &self.statement(&target, &[])).await?;
            }
            return Ok(Vec::new());
        }
        let views = views::take_down(session, &target).await?;
        let emptied = self.change_types(session, job, &target).await?;
        views.put_back(session).await?;
        let required = |Retyped { column, not_null, .. }: &&Retyped| {
            *not_null && column.required && !staged.relaxed.contains(&column.name)
        };
        Ok(emptied.iter().filter(required).map(|it| it.column.clone()).collect())
    }

    /// Gives the columns whose values could not be kept.
    async fn change_types(
        &self,
        session: &Session,
        job: &Job,
        target: &str,
    ) -> Result<&[Retyped], TargetError> {
        let doing = self.doing(target);
        let converting: Vec<String> = self.retyped.iter().map(|it| it.converting.clone()).collect();
        session.batch(&doing, "SAVEPOINT shape").await?;
        let Err(error) = session.try_batch(&self.statement(target, &converting)).await else {
            return Ok(&[]);
        };
        if !is_unconvertible(&error) {
            return Err(session.explain(&doing, &error));
        }
        if !job.is_whole() {
            let (table, cause) =
                (job.table.name.clone(), session.explain(&doing, &error).to_string());
            return Err(TargetError::Unconvertible { table, cause });
        }
        session.batch(&doing, "ROLLBACK TO shape").await?;
        if self.retyped.iter().any(|it| it.column.key) {
            session.batch(&doing, &format!("DELETE FROM {target}")).await?;
        }
        let emptying: Vec<String> = self.retyped.iter().map(Retyped::emptying).collect();
        session.batch(&doing, &self.statement(target, &emptying)).await?;
        Ok(&self.retyped)
    }

    fn doing(&self, target: &str) -> String {
        format!("changing {target} as its new schema needs ({})", self.told.join("; "))
    }

    fn statement(&self, target: &str, retyping: &[String]) -> String {
        let actions: Vec<&str> = self.actions.iter().chain(retyping).map(String::as_str).collect();
        format!("ALTER TABLE {target} {}", actions.join(", "))
    }
}

impl Retyped {
    /// The action where the rows that follow bring every value.
    fn emptying(&self) -> String {
        let (name, due) = (quote(&self.column.name), &self.due);
        let nullable = if self.column.key {
            String::new()
        } else {
            format!("ALTER COLUMN {name} DROP NOT NULL, ")
        };
        format!(
            "{nullable}ALTER COLUMN {name} DROP DEFAULT, ALTER COLUMN {name} TYPE {due} USING NULL::{due}"
        )
    }
}

/// Data exceptions, and casts that do not exist. Views, constraints and indexes of the user's fail otherwise.
fn is_unconvertible(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        code.code().starts_with("22")
            || [SqlState::DATATYPE_MISMATCH, SqlState::CANNOT_COERCE].contains(code)
    })
}

fn keeps_values(layout: Layout, found: &str, due: &ColumnType) -> bool {
    match (layout, due) {
        // Whole numbers there may be the ids of an open list.
        (Layout::Instructure, ColumnType::OpenEnum { .. }) => false,
        (Layout::Instructure, ColumnType::Text { .. }) if found == "integer" => false,
        // The cast would cut.
        (_, ColumnType::Text { max_length: Some(_) }) if is_enum(found) => false,
        _ => read_type(found).is_some_and(|it| conversion::keeps_values(&it, due)),
    }
}

fn is_enum(ty: &str) -> bool {
    ty.contains("__")
}

/// The type of a column, of those that some conversion keeps.
fn read_type(found: &str) -> Option<ColumnType> {
    if let Some(element) = found.strip_suffix("[]") {
        return Some(ColumnType::Array(Box::new(read_type(element)?)));
    }
    let arguments = |name: &str| found.strip_prefix(name)?.strip_suffix(')');
    if let Some(length) = arguments("character varying(") {
        return Some(ColumnType::Text { max_length: Some(length.parse().ok()?) });
    }
    if let Some((precision, scale)) = arguments("numeric(").and_then(|it| it.split_once(',')) {
        let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
        return Some(ColumnType::Decimal { precision, scale });
    }
    Some(match found {
        "smallint" => ColumnType::Int16,
        "integer" => ColumnType::Int32,
        "bigint" => ColumnType::Int64,
        "real" => ColumnType::Float32,
        "double precision" => ColumnType::Float64,
        "text" => ColumnType::Text { max_length: None },
        _ if is_enum(found) => ColumnType::Text { max_length: None },
        _ => return None,
    })
}

/// `format_type` quotes only where it must.
fn same_type(found: &str, due: &str) -> bool {
    found == due || found.replace('"', "") == due.replace('"', "")
}

fn is_unlimited(ty: &str) -> bool {
    matches!(ty, "text" | "text[]")
}

/// Narrowing a text would cut values or fail.
fn is_wider(found: &str, due: &str) -> bool {
    let limit =
        |ty: &str| ty.strip_prefix("character varying(")?.split_once(')')?.0.parse::<u32>().ok();
    match (limit(found), limit(due)) {
        (Some(found), Some(due)) => found >= due,
        (None, Some(_)) => is_unlimited(found) && found.ends_with("[]") == due.ends_with("[]"),
        _ => false,
    }
}

fn retyping(column: &Column, found: &str, due: &str) -> String {
    let name = quote(&column.name);
    let through = if is_enum(found) || is_enum(due) { "::text" } else { "" };
    let default = if column.default.is_none() {
        String::new()
    } else {
        format!("ALTER COLUMN {name} DROP DEFAULT, ")
    };
    format!("{default}ALTER COLUMN {name} TYPE {due} USING {name}{through}::{due}")
}

/// Gives a table that is about to be filled for the first time the room that its rows need.
pub(super) async fn make_room(
    session: &Session,
    table: &Table,
    staged: &Staged,
) -> Result<(), TargetError> {
    let widen = table.columns.iter().filter(|it| staged.widened.contains(&it.name)).map(widening);
    let relax = table.columns.iter().filter(|it| staged.relaxed.contains(&it.name)).map(relaxing);
    let actions: Vec<String> = widen.chain(relax).collect();
    if actions.is_empty() {
        return Ok(());
    }
    let sql = format!("ALTER TABLE {} {}", table.target(), actions.join(", "));
    session.batch("widening a column", &sql).await
}

/// Where a new table differs from its schema, one sentence each.
pub(super) fn exceptions(table: &Table, staged: &Staged) -> Vec<String> {
    let mut told = Vec::new();
    for column in &table.columns {
        let name = &column.name;
        if staged.widened.contains(name) {
            told.push(format!(
                "column `{name}` is wider than {} for longer values",
                table.column_type(column)
            ));
        }
        if staged.relaxed.contains(name) {
            told.push(format!("column `{name}` is required but holds nulls"));
        }
    }
    told
}

/// Comments the table, and the columns that `which` chooses, with the source's own words.
pub(super) async fn comment(
    session: &Session,
    schema: &TableSchema,
    table: &Table,
    which: impl Fn(&Column) -> bool,
) -> Result<(), TargetError> {
    let target = table.target();
    let mut places = vec![format!("TABLE {target}")];
    let mut texts = vec![table_comment(schema)];
    for column in schema.columns.iter().filter(|it| which(it)) {
        if let Some(text) = &column.description {
            places.push(format!("COLUMN {target}.{}", quote(&column.name)));
            texts.push(text.clone());
        }
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let literals = session.literals(&texts).await?;
    let statement =
        |(place, literal): (&String, &String)| format!("COMMENT ON {place} IS {literal};");
    let sql: String = places.iter().zip(&literals).map(statement).collect();
    session.batch("commenting the table", &sql).await
}

fn table_comment(schema: &TableSchema) -> String {
    let parts = [schema.title.as_deref(), schema.description.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}
