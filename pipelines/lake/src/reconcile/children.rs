//! The tables of arrays: the items of the parents that are compared, against the lake's rows of those same parents.

use std::collections::HashMap;
use std::path::Path;

use arrow::datatypes::SchemaRef;
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{ParquetFiles, Side};

use super::current::Settled;
use super::lake::{ChildTable, Subject};
use super::sheet::{KEYS_AT_ONCE, Kept, Sheet, Span, micros, unreadable, versions};
use super::spool::SpoolFile;
use crate::dataset::INGESTED_AT;
use crate::write::items;

/// Both sides of a child.
pub(super) struct Pair {
    pub(super) source: ParquetFiles,
    pub(super) lake: ParquetFiles,
}

/// A child's rows as they lie in the lake, with the lake's rows of their parents.
pub(super) struct InLake<'a> {
    pub(super) subject: &'a Subject,
    pub(super) parents: &'a Sheet<'a>,
    pub(super) files: ParquetFiles,
}

/// Makes the files that are compared, in `folder`.
///
/// # Errors
/// [`HandlerError::Data`] if an array of the source has an item that fits no row, as a run of the lake says too;
/// [`HandlerError::Retryable`] if a file cannot be read or written.
pub(super) fn settle(
    child: &ChildTable,
    parents: &Settled,
    lake: &InLake<'_>,
    folder: &Path,
) -> Result<Pair, HandlerError> {
    let subject = lake.subject;
    let source = Sheet { subject, span: Span::ALL, files: parents.source.clone() };
    let source = written(child, &source, folder)?;
    let rows = Sheet { subject, span: Span::ALL, files: lake.files.clone() };
    let kept = kept(&rows, lake.parents, &parents.kept)?;
    let name = format!("lake-{}.parquet", child.name);
    let lake = ParquetFiles::new(vec![rows.write(&kept, folder, &name)?], schema_of(&rows)?);
    Ok(Pair { source, lake })
}

fn schema_of(sheet: &Sheet<'_>) -> Result<SchemaRef, HandlerError> {
    sheet.files.schema().map_err(|error| unreadable(&error))
}

/// The items of the source's parents, by the rule by which the lake makes rows of them.
fn written(
    child: &ChildTable,
    parents: &Sheet<'_>,
    folder: &Path,
) -> Result<ParquetFiles, HandlerError> {
    let schema = child.schema();
    let mut file = SpoolFile::create(folder, &format!("source-{}.parquet", child.name), &schema)?;
    parents.each(|_, batch| file.write(&items(&child.columns, &child.child, batch, None)?))?;
    Ok(ParquetFiles::new(vec![file.finish()?], schema))
}

/// The rows whose parent counts: that version of it, where there are several.
fn kept(rows: &Sheet<'_>, parents: &Sheet<'_>, kept_parents: &Kept) -> Result<Kept, HandlerError> {
    let rounds = kept_parents.rows.div_ceil(KEYS_AT_ONCE).max(1);
    let mut kept = Kept::default();
    for round in 0..rounds {
        let mut of_key: HashMap<u64, Version> = HashMap::new();
        parents.each(|first, batch| {
            let versions = parents.hashes(batch)?.into_iter().zip(stamps(parents.subject, batch)?);
            for (row, (hash, version)) in versions.enumerate() {
                if hash % rounds == round && kept_parents.has(first + row as u64) {
                    of_key.insert(hash, version);
                }
            }
            Ok(())
        })?;
        rows.each(|first, batch| {
            let versions = rows.hashes(batch)?.into_iter().zip(stamps(rows.subject, batch)?);
            for (row, (hash, version)) in versions.enumerate() {
                if of_key.get(&hash) == Some(&version) {
                    kept.set(first + row as u64);
                }
            }
            Ok(())
        })?;
    }
    Ok(kept)
}

/// When a row changed, and when it came to the lake.
type Version = (Option<i64>, Option<i64>);

/// Nothing where a table has each row once.
fn stamps(
    subject: &Subject,
    batch: &arrow::array::RecordBatch,
) -> Result<Vec<Version>, HandlerError> {
    if !subject.has_versions {
        return Ok(vec![(None, None); batch.num_rows()]);
    }
    Ok(versions(subject, batch)?.into_iter().zip(micros(batch, INGESTED_AT)?).collect())
}
