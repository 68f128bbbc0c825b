//! Publishing: rows, shape and cursor in one transaction.

use tokio_postgres::error::SqlState;

use super::load::Job;
use super::session::Session;
use super::state::StateRow;
use super::table::{Table, in_schema};
use super::{enums, merge, shape, staging, state};
use crate::target::quote::quote;
use crate::target::staged::{Changes, Receipt, Staged};
use crate::target::{Published, TargetError};

/// Publishes what is staged.
pub(super) async fn publish(
    session: &Session,
    job: &Job,
    mut staged: Staged,
) -> Result<Published, TargetError> {
    let doing = "publishing";
    let table = &job.table;
    enums::extend_types(session, table).await?;
    if staged.direct {
        ensure_key(session, job, &mut staged).await?;
    }
    session.batch(doing, "BEGIN").await?;
    let before = state::read(session, &table.name, table.layout).await?;
    let whole = job.is_whole();
    let rows_before = rows_before(session, job, before.as_ref()).await?;
    let (changes, shape) = settle_rows(session, job, &mut staged).await?;
    state::publish_alterations(session, table, whole).await?;
    if whole && !staged.direct {
        session.batch(doing, &format!("DROP TABLE {}", table.staging())).await?;
    }
    state::forget_staged(session, &table.name).await?;
    let published = staged.published(whole, rows_before, changes, shape);
    let before = before.map(|it| it.state);
    let receipt = Receipt::new(&job.request, &staged, whole, before.as_ref(), published.clone());
    state::write(session, &job.request, &receipt, table.layout).await?;
    session.batch(doing, "COMMIT").await?;
    Ok(published)
}

async fn rows_before(
    session: &Session,
    job: &Job,
    before: Option<&StateRow>,
) -> Result<u64, TargetError> {
    let Some(before) = before else { return Ok(0) };
    // A snapshot always counts afresh, also where it is only merged.
    if let Some(rows) = before.state.rows.filter(|_| !job.request.kind.is_whole()) {
        return Ok(rows);
    }
    let count = format!("SELECT count(*) FROM {}", job.table.target());
    Ok(session.query_one("counting rows", &count, &[]).await?.get::<_, i64>(0) as u64)
}

/// Brings the rows, and the shape that they need, into the table.
async fn settle_rows(
    session: &Session,
    job: &Job,
    staged: &mut Staged,
) -> Result<(Changes, Vec<String>), TargetError> {
    let table = &job.table;
    if job.first {
        enums::create_missing(session, table).await?;
        let shape = fill_first(session, job, staged).await?;
        shape::comment(session, &job.request.schema, table, |_| true).await?;
        let changes = Changes { inserted: staged.upserts.rows, ..Changes::default() };
        return Ok((changes, shape));
    }
    enums::create_missing(session, table).await?;
    let evolved = shape::evolve(session, job, staged).await?;
    enums::refer(session, table).await?;
    let changes = merge::merge(session, job, staged).await?;
    evolved.require(session, table).await?;
    Ok((changes, evolved.told))
}

/// The first rows: the staging table becomes the replica, or fills it.
async fn fill_first(
    session: &Session,
    job: &Job,
    staged: &mut Staged,
) -> Result<Vec<String>, TargetError> {
    let table = &job.table;
    if staged.direct {
        swap_in(session, table).await?;
    } else {
        let create = staging::create_table(session, table, &table.target()).await?;
        session.batch("creating the table", &create).await?;
        shape::make_room(session, table, staged).await?;
        merge::drop_superseded(session, table, staged).await?;
        enums::fill_lookups(session, table).await?;
        merge::insert_all(session, table).await?;
        let key = primary_key(table, &table.target(), &table.primary_key_name());
        session.batch("building the primary key", &key).await?;
        enums::refer(session, table).await?;
    }
    Ok(shape::exceptions(table, staged))
}

/// Builds the primary key of the staging table, in a transaction of its own: it takes its time, and a publication
/// that fails after it begins with it the next time.
async fn ensure_key(session: &Session, job: &Job, staged: &mut Staged) -> Result<(), TargetError> {
    let doing = "building the primary key";
    let sql = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'p')";
    if session.query_one(doing, sql, &[&job.table.staging()]).await?.get(0) {
        return Ok(());
    }
    session.batch(doing, "BEGIN").await?;
    add_primary_key(session, &job.table, staged).await?;
    state::write_staged(session, &job.request, staged).await?;
    session.batch(doing, "COMMIT").await
}

/// Builds the primary key; repeated keys, which DAP says there never are, are resolved first.
async fn add_primary_key(
    session: &Session,
    table: &Table,
    staged: &mut Staged,
) -> Result<(), TargetError> {
    let doing = "building the primary key";
    let key = primary_key(table, &table.staging(), &table.staging_key_name());
    session.batch(doing, "SAVEPOINT keys").await?;
    match session.try_batch(&key).await {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            session.batch(doing, "ROLLBACK TO keys").await?;
            merge::drop_superseded(session, table, staged).await?;
            session.batch(doing, &key).await
        }
        result => result.map_err(|error| session.explain(doing, &error)),
    }
}

fn primary_key(table: &Table, name: &str, constraint: &str) -> String {
    let constraint = quote(constraint);
    format!("ALTER TABLE {name} ADD CONSTRAINT {constraint} PRIMARY KEY ({})", table.key_list())
}

async fn swap_in(session: &Session, table: &Table) -> Result<(), TargetError> {
    let namespace = &table.name.namespace;
    let moved = in_schema(namespace, &table.staging_name());
    let sql = format!(
        "ALTER TABLE {} SET SCHEMA {}; ALTER TABLE {moved} RENAME CONSTRAINT {} TO {}; ALTER TABLE {moved} RENAME TO {}",
        table.staging(),
        quote(namespace),
        quote(&table.staging_key_name()),
        quote(&table.primary_key_name()),
        quote(&table.name.table)
    );
    session.batch("swapping the table in", &sql).await
}
