//! Reading a table back and comparing it with what was delivered.

use rusqlite::{Connection, Params, params};

use super::layout::{read_state, staging_name, table_name, write_proven};
use super::{Database, load, values};
use crate::rows::digest::{Digest, RowHasher};
use crate::schema::Column;
use crate::target::evidence::{Evidence, KEYS_SHOWN, compare, nothing_to_prove, overtaken};
use crate::target::quote::{quote, quote_all};
use crate::target::staged::Receipt;
use crate::target::{Proof, TableName, TargetError};

/// Compares a table with what was delivered last.
pub(super) async fn prove(database: &Database, table: TableName) -> Result<Proof, TargetError> {
    let this = database.clone();
    let work = move |connection: &mut Connection| {
        let refused = |error| this.explain("the proof", &error);
        let state = read_state(connection, &table).map_err(refused)?;
        let mut receipt = state.ok_or_else(|| nothing_to_prove(&table))?.receipt()?;
        if !receipt.whole && load::read_staged(connection, &table).map_err(refused)?.is_some() {
            return Err(overtaken(&table));
        }
        let evidence = gather(connection, &table, &receipt).map_err(refused)?;
        let proof = compare(&table, &receipt, &evidence);
        if receipt.proven != proof.holds() {
            receipt.proven = proof.holds();
            write_proven(connection, &table, &receipt).map_err(refused)?;
        }
        Ok(proof)
    };
    database.run_checked(work).await
}

fn gather(
    connection: &Connection,
    table: &TableName,
    receipt: &Receipt,
) -> rusqlite::Result<Evidence> {
    let target = quote(&table_name(table));
    if receipt.whole {
        let delivered = digest(connection, &receipt.columns, &format!("{target} AS t"), params![])?;
        return Ok(Evidence { rows: delivered.rows, delivered, ..Evidence::default() });
    }
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
