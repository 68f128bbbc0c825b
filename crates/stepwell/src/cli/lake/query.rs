//! `stepwell lake query`

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::Args;
use futures_util::TryStreamExt;
use stepwell_query::Rows;

use super::{Global, failure, open};
use crate::failure::{Exit, Failure, Outcome};
use crate::{output, wiring};

/// Ask the lake in SQL
///
/// Its tables are those that are published, with the names of their partitions as columns; for a log with a key there is
/// `<table>_latest` too, its newest rows. Names are as they are written: "Id" is another column than "id". With --json each
/// row is one line.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// One query that reads, for instance "SELECT dt, count(*) FROM orders GROUP BY dt ORDER BY dt"
    sql: String,
}

impl Query {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let lake = open(global)?.lake();
        wiring::runtime()?.block_on(async {
            let rows = lake.query(&self.sql).await.map_err(failure)?;
            if global.json { lines(rows).await } else { table(rows).await }
        })
    }
}

async fn lines(mut rows: Rows) -> Outcome {
    let mut writer = LineDelimitedWriter::new(std::io::stdout().lock());
    while let Some(batch) = next(&mut rows).await? {
        writer.write(&batch).map_err(broken)?;
    }
    writer.finish().map_err(broken)
}

async fn table(mut rows: Rows) -> Outcome {
    let mut table = comfy_table::Table::new();
    let names = rows.schema.fields().iter().map(|field| field.name().to_uppercase());
    table.load_style(comfy_table::presets::NOTHING).set_header(names);
    while let Some(batch) = next(&mut rows).await? {
        for row in shown(&batch).map_err(broken)? {
            table.add_row(row);
        }
    }
    Ok(output::line(table)?)
}

async fn next(rows: &mut Rows) -> Outcome<Option<RecordBatch>> {
    rows.batches.try_next().await.map_err(|error| Failure::new(Exit::Unavailable, error))
}

fn shown(batch: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let options = FormatOptions::default();
    let formatters: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<_, _>>()?;
    let row = |row| formatters.iter().map(|it| it.value(row).to_string()).collect();
    Ok((0..batch.num_rows()).map(row).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: ArrowError) -> Failure {
    Failure::message(Exit::Unavailable, error.to_string())
}
