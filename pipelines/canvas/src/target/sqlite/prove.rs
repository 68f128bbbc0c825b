//! Reading a table back and comparing it with what was delivered.

use rusqlite::{Connection, Params, params};

use super::layout::{read_state, staging_name, table_name, write_proven};
use super::read_back::{self, Reading};
use super::{Database, load, values};
use crate::rows::digest::{Digest, RowHasher};
use crate::schema::Column;
use crate::target::evidence::{
    Evidence, KEYS_SHOWN, check_job, compare, nothing_to_prove, overtaken,
};
use crate::target::quote::{quote, quote_all};
use crate::target::staged::Receipt;
use crate::target::{Proving, Slice, TableName, TargetError};

/// Compares a table with what was delivered last.
pub(super) async fn prove(
    database: &Database,
    table: TableName,
    slice: Slice,
    job: Option<&str>,
) -> Result<Proving, TargetError> {
    let receipt = provable(database, &table).await?;
    check_job(&table, &receipt, job)?;
    let evidence = if receipt.whole {
        match read_back::read(database, &table, &receipt, &slice).await? {
            Reading::Whole(evidence) => evidence,
            Reading::Paused(reached) => {
                return Ok(Proving::Paused { rows: reached.found.rows });
            }
        }
    } else {
        let (table, receipt) = (table.clone(), receipt.clone());
        database.run("the proof", move |it| delivered(it, &table, &receipt)).await?
    };
    let proof = compare(&table, &receipt, &evidence);
    keep(database, table, receipt, proof.holds()).await?;
    Ok(Proving::Complete(proof))
}

/// Keeps whether the proof held, once it has ended.
async fn keep(
    database: &Database,
    table: TableName,
    receipt: Receipt,
    proven: bool,
) -> Result<(), TargetError> {
    if receipt.proven == proven {
        return Ok(());
    }
    let receipt = receipt.after_proof(proven);
    database.run("the proof", move |it| write_proven(it, &table, &receipt)).await
}

/// The receipt of what was published last, if the rows to compare with are there.
async fn provable(database: &Database, table: &TableName) -> Result<Receipt, TargetError> {
    let (this, table) = (database.clone(), table.clone());
    let work = move |connection: &mut Connection| {
        let refused = |error| this.explain("the proof", &error);
        let state = read_state(connection, &table).map_err(refused)?;
        let receipt = state.ok_or_else(|| nothing_to_prove(&table))?.receipt()?;
        if !receipt.whole && load::read_staged(connection, &table).map_err(refused)?.is_some() {
            return Err(overtaken(&table));
        }
        Ok(receipt)
    };
    database.run_checked(work).await
}

/// Compares the rows of an increment, which are still staged.
fn delivered(
    connection: &Connection,
    table: &TableName,
    receipt: &Receipt,
) -> rusqlite::Result<Evidence> {
    let target = quote(&table_name(table));
    let staging = quote(&staging_name(table));
    let same_key = same_key(&receipt.columns);
    let delivered = format!(
        "{staging} AS s CROSS JOIN {target} AS t ON {same_key} WHERE s.stepwell_delete = 0"
    );
    let key = quote(&receipt.columns[0].name);
    let columns = |prefix| quote_all(prefix, receipt.columns.iter().map(|it| it.name.as_str()));
    let differing = format!(
        "SELECT CAST(s.{key} AS TEXT) FROM {staging} AS s LEFT JOIN {target} AS t ON {same_key} \
         WHERE s.stepwell_delete = 0 AND ({}) IS NOT ({})",
        columns("s."),
        columns("t.")
    );
    let undeleted = format!(
        "SELECT CAST(s.{key} AS TEXT) FROM {staging} AS s CROSS JOIN {target} AS t ON {same_key} \
         WHERE s.stepwell_delete = 1"
    );
    let count = format!("SELECT count(*) FROM {target}");
    Ok(Evidence {
        rows: connection.query_row(&count, params![], |row| row.get::<_, i64>(0))? as u64,
        delivered: digest(connection, &receipt.columns, &delivered, params![])?,
        differing_keys: keys(connection, &differing)?,
        undeleted_keys: keys(connection, &undeleted)?,
    })
}

/// `t` and `s` are the same row.
pub(super) fn same_key(columns: &[Column]) -> String {
    let same = |column: &Column| {
        let name = quote(&column.name);
        format!("t.{name} = s.{name}")
    };
    columns.iter().filter(|it| it.key).map(same).collect::<Vec<_>>().join(" AND ")
}

fn keys(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("{sql} LIMIT {KEYS_SHOWN}"))?;
    statement.query_map(params![], |row| row.get(0))?.collect()
}

/// The digest of rows; `from` is what follows `FROM` and calls the rows `t`.
pub(super) fn digest(
    connection: &Connection,
    columns: &[Column],
    from: &str,
    parameters: impl Params,
) -> rusqlite::Result<Digest> {
    let names = quote_all("t.", columns.iter().map(|it| it.name.as_str()));
    let mut statement = connection.prepare(&format!("SELECT {names} FROM {from}"))?;
    let mut rows = statement.query(parameters)?;
    let mut digest = Digest::default();
    let mut hasher = RowHasher::new(columns.iter().filter(|it| it.key).count());
    while let Some(row) = rows.next()? {
        for (index, column) in columns.iter().enumerate() {
            hasher.value(&values::read(column, row.get_ref(index)?));
        }
        digest.add(hasher.finish());
    }
    Ok(digest)
}
