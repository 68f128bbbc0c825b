//! Reading a table back and comparing it with what was delivered.

use super::binary::RowReader;
use super::session::Session;
use super::table::Table;
use super::{Connector, state};
use crate::rows::digest::Digest;
use crate::target::evidence::{
    Evidence, KEYS_SHOWN, ReadBack, check_job, compare, nothing_to_prove, overtaken,
};
use crate::target::quote::quote;
use crate::target::staged::Receipt;
use crate::target::{Layout, Proving, Slice, TableName, TargetError};

/// Pages that are read in one piece: one at first, so that the shortest slice gets ahead, then twice as many each
/// time up to 64 MiB.
const PAGES_MAX: i64 = 8_192;

/// The first version that finds a range of pages without reading those before it.
const FINDS_PAGES: i32 = 140_000;

/// Compares a table with what was delivered last.
pub(super) async fn prove(
    connector: &Connector,
    layout: Layout,
    name: &TableName,
    slice: &Slice,
    job: Option<&str>,
) -> Result<Proving, TargetError> {
    let session = Session::open(connector).await?;
    let state = state::read(&session, name, layout).await?;
    let mut receipt = state.and_then(|it| it.receipt).ok_or_else(|| nothing_to_prove(name))?;
    check_job(name, &receipt, job)?;
    if !receipt.whole && state::is_loading(&session, name).await? {
        return Err(overtaken(name));
    }
    let table = Table::of_columns(name, receipt.columns.clone(), layout);
    let evidence = if receipt.whole {
        match read_back(&session, &table, &receipt, slice).await? {
            Reading::Whole(found) => found.into_evidence(&receipt),
            Reading::Paused(reached) => {
                let rows = reached.found.rows;
                receipt.read_back = Some(reached);
                state::write_proven(&session, name, &receipt).await?;
                return Ok(Proving::Paused { rows });
            }
        }
    } else {
        delivered(&session, &table, &receipt.upserts).await?
    };
    let proof = compare(name, &receipt, &evidence);
    keep(&session, name, receipt, proof.holds()).await?;
    Ok(Proving::Complete(proof))
}

/// Keeps whether the proof held, once it has ended.
async fn keep(
    session: &Session,
    name: &TableName,
    receipt: Receipt,
    proven: bool,
) -> Result<(), TargetError> {
    if receipt.proven == proven && receipt.read_back.is_none() {
        return Ok(());
    }
    state::write_proven(session, name, &receipt.after_proof(proven)).await
}

/// How far the table was read in this slice.
enum Reading {
    Whole(ReadBack),
    Paused(ReadBack),
}

/// Reads all of a table, page by page.
///
/// A slice reads one snapshot. The first that cannot read all of it seals its snapshot, and the last compares: with
/// the seal unbroken, all of them have read the same rows. A table that is never left alone for so long is read at
/// once in the end, whatever the slice.
async fn read_back(
    session: &Session,
    table: &Table,
    receipt: &Receipt,
    slice: &Slice,
) -> Result<Reading, TargetError> {
    let mut reached = receipt.read_back.clone().unwrap_or_default();
    loop {
        let slice = if reached.is_at_once() { slice.without_end() } else { slice.clone() };
        session.batch("the proof", SNAPSHOT).await?;
        let resumed = reached.seal.is_some();
        let whole = read_pages(session, table, &mut reached, &slice).await?;
        let broken = whole && resumed && reached.seal != Some(seal(session, table).await?);
        session.batch("the proof", "COMMIT").await?;
        if broken {
            reached = ReadBack::restarted(&table.name, reached.restarts);
        } else {
            return Ok(if whole { Reading::Whole(reached) } else { Reading::Paused(reached) });
        }
    }
}

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// False if the slice was over before the table.
async fn read_pages(
    session: &Session,
    table: &Table,
    reached: &mut ReadBack,
    slice: &Slice,
) -> Result<bool, TargetError> {
    let pages = pages(session, table).await?;
    let from = format!("{} AS t", table.target());
    let mut reader = RowReader::new(session, table, delivered_columns(table), &from).await?;
    let mut piece = 1;
    loop {
        let end = pages.map_or(i64::MAX, |_| reached.next + piece);
        let whole = pages.is_none_or(|pages| end >= pages);
        let range = range(reached.next, (!whole).then_some(end));
        reader.read(&format!("{from}{range}"), &mut reached.found).await?;
        if whole {
            return Ok(true);
        }
        reached.next = end;
        piece = (2 * piece).min(PAGES_MAX);
        if reached.seal.is_none() && slice.is_half_over() {
            reached.seal = Some(seal(session, table).await?);
        }
        if slice.is_over() {
            return Ok(false);
        }
    }
}

/// How many pages the table has, `None` if they can only be read all at once.
async fn pages(session: &Session, table: &Table) -> Result<Option<i64>, TargetError> {
    let sql = "SELECT current_setting('server_version_num')::int,
               pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint";
    let row = session.query_one("the proof", sql, &[&table.target()]).await?;
    Ok((row.get::<_, i32>(0) >= FINDS_PAGES).then(|| row.get(1)))
}

fn range(begin: i64, end: Option<i64>) -> String {
    let before = end.map(|end| format!(" AND t.ctid < '({end},0)'")).unwrap_or_default();
    format!(" WHERE t.ctid >= '({begin},0)'{before}")
}

/// Which transactions wrote the rows that are there. A later change, whatever it is, is another one's, so that
/// what was sealed never comes back. What writes the same rows to other pages (`VACUUM FULL`, `CLUSTER`) leaves their
/// transactions as they are, but writes another file.
async fn seal(session: &Session, table: &Table) -> Result<String, TargetError> {
    let sql = format!(
        "SELECT concat_ws(' ', count(*), sum(hashtextextended(xmin::text, 0)),
         pg_relation_filenode($1::text::regclass)) FROM {}",
        table.target()
    );
    Ok(session.query_one("the proof", &sql, &[&table.target()]).await?.get(0))
}

/// Compares the rows of an increment, which are still staged.
async fn delivered(
    session: &Session,
    table: &Table,
    expected: &Digest,
) -> Result<Evidence, TargetError> {
    let (target, staging, same_key) = (table.target(), table.staging(), table.same_key());
    let from =
        format!(r#"{staging} AS s JOIN {target} AS t ON {same_key} WHERE NOT s."stepwell_delete""#);
    let count =
        session.query_one("the proof", &format!("SELECT count(*) FROM {target}"), &[]).await?;
    let delivered = digest(session, table, delivered_columns(table), &from).await?;
    // Only a difference is worth a look at every row's values on both sides.
    let differing_keys =
        if delivered == *expected { Vec::new() } else { keys(session, &differing(table)).await? };
    Ok(Evidence {
        rows: count.get::<_, i64>(0) as u64,
        delivered,
        differing_keys,
        undeleted_keys: keys(session, &undeleted(table)).await?,
    })
}

fn delivered_columns(table: &Table) -> Vec<String> {
    table.columns.iter().map(|it| table.delivered(it)).collect()
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

/// The digest of rows; `columns` are the values of the table's columns, `from` is what follows `FROM` and calls
/// the rows `t`.
pub(super) async fn digest(
    session: &Session,
    table: &Table,
    columns: Vec<String>,
    from: &str,
) -> Result<Digest, TargetError> {
    let mut digest = Digest::default();
    RowReader::new(session, table, columns, from).await?.read(from, &mut digest).await?;
    Ok(digest)
}
