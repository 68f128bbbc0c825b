//! Reading a table back and comparing it with what was delivered.

use futures_util::TryStreamExt;

use super::session::Session;
use super::table::Table;
use super::values::Postgres;
use super::{Connector, state};
use crate::rows::TsvDecoder;
use crate::rows::digest::Digest;
use crate::target::evidence::{Evidence, KEYS_SHOWN, compare, nothing_to_prove, overtaken};
use crate::target::intake::digest_of;
use crate::target::quote::quote;
use crate::target::{Layout, Proof, TableName, TargetError};

/// Compares a table with what was delivered last.
pub(super) async fn prove(
    connector: &Connector,
    layout: Layout,
    name: &TableName,
) -> Result<Proof, TargetError> {
    let session = Session::open(connector).await?;
    let state = state::read(&session, name, layout).await?;
    let mut receipt = state.and_then(|it| it.receipt).ok_or_else(|| nothing_to_prove(name))?;
    if !receipt.whole && state::is_loading(&session, name).await? {
        return Err(overtaken(name));
    }
    let table = Table::of_columns(name, receipt.columns.clone(), layout);
    let evidence = if receipt.whole {
        all(&session, &table).await?
    } else {
        delivered(&session, &table, receipt.upserts).await?
    };
    let proof = compare(name, &receipt, &evidence);
    if receipt.proven != proof.holds() {
        receipt.proven = proof.holds();
        state::write_proven(&session, name, &receipt).await?;
    }
    Ok(proof)
}

async fn all(session: &Session, table: &Table) -> Result<Evidence, TargetError> {
    let from = format!("{} FROM {} AS t", delivered_columns(table), table.target());
    let delivered = digest(session, table, &from).await?;
    Ok(Evidence { rows: delivered.rows, delivered, ..Evidence::default() })
}

async fn delivered(
    session: &Session,
    table: &Table,
    expected: Digest,
) -> Result<Evidence, TargetError> {
    let (target, staging, same_key) = (table.target(), table.staging(), table.same_key());
    let from = format!(
        r#"{} FROM {staging} AS s JOIN {target} AS t ON {same_key} WHERE NOT s."stepwell_delete""#,
        delivered_columns(table)
    );
    let count =
        session.query_one("the proof", &format!("SELECT count(*) FROM {target}"), &[]).await?;
    let delivered = digest(session, table, &from).await?;
    // Only a difference is worth a look at every row's values on both sides.
    let differing_keys =
        if delivered == expected { Vec::new() } else { keys(session, &differing(table)).await? };
    Ok(Evidence {
        rows: count.get::<_, i64>(0) as u64,
        delivered,
        differing_keys,
        undeleted_keys: keys(session, &undeleted(table)).await?,
    })
}

fn delivered_columns(table: &Table) -> String {
    table.columns.iter().map(|it| table.delivered(it)).collect::<Vec<_>>().join(", ")
}

fn differing(table: &Table) -> String {
    let key = quote(&table.columns[0].name);
    let differs = |column| {
        let mine = Table::comparable(column, &format!("t.{}", quote(&column.name)));
        format!("{mine} IS DISTINCT FROM {}", Table::comparable(column, &table.stored(column)))
    };
    let differs: Vec<String> = table.columns.iter().map(differs).collect();
    format!(
        r#"SELECT s.{key}::text FROM {} AS s LEFT JOIN {} AS t ON {} WHERE NOT s."stepwell_delete" AND ({})"#,
        table.staging(),
        table.target(),
        table.same_key(),
        differs.join(" OR ")
    )
}

fn undeleted(table: &Table) -> String {
    let key = quote(&table.columns[0].name);
    format!(
        r#"SELECT s.{key}::text FROM {} AS s JOIN {} AS t ON {} WHERE s."stepwell_delete""#,
        table.staging(),
        table.target(),
        table.same_key()
    )
}

async fn keys(session: &Session, sql: &str) -> Result<Vec<String>, TargetError> {
    let rows =
        session.query("the proof", &format!("{sql} ORDER BY 1 LIMIT {KEYS_SHOWN}"), &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The digest of rows; `selected` is what follows `SELECT` and calls the rows `t`.
pub(super) async fn digest(
    session: &Session,
    table: &Table,
    selected: &str,
) -> Result<Digest, TargetError> {
    let stream = session.copy_out(&format!("COPY (SELECT {selected}) TO STDOUT")).await?;
    let mut stream = std::pin::pin!(stream);
    let mut decoder = TsvDecoder::for_copy_out(&table.columns);
    let mut digest = Digest::default();
    let dialect = Postgres { layout: table.layout };
    let damaged = |error: crate::rows::TsvError| TargetError::Damaged {
        place: table.name.to_string(),
        cause: error.to_string(),
    };
    let lost = |error| session.explain("reading rows", &error);
    while let Some(chunk) = stream.try_next().await.map_err(lost)? {
        if let Some(batch) = decoder.push(&chunk).map_err(damaged)? {
            digest_of(&table.columns, &dialect, &batch, &mut digest);
        }
    }
    if let Some(batch) = decoder.finish().map_err(damaged)? {
        digest_of(&table.columns, &dialect, &batch, &mut digest);
    }
    Ok(digest)
}
