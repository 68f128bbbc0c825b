//! Renders what a query sees into part files.
//!
//! Parts are rendered side by side on as many threads as the machine has cores, each in constant memory.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempPath;

use super::data::rows::{Reader, Row};
use super::data::source::Still;
use super::data::table::Window;
use super::format::csv::Csv;
use super::format::jsonl::Jsonl;
use super::format::tabular::Tabular;
use super::format::tsv::Tsv;
use super::format::{Format, Layout, Mode, TextFormat, parquet};

/// Text is handed to the compressor in pieces of about this size.
const CHUNK_BYTES: usize = 1 << 16;

/// What is to be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    pub(crate) format: Format,
    pub(crate) mode: Mode,
    pub(crate) window: Window,
}

/// How results are cut into files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) rows_per_part: u64,
    /// A gzip file is made of several members with this many rows each; of one if there is none.
    pub(crate) rows_per_gzip_member: Option<u64>,
}

/// A file of a result; removed when nobody needs it any more.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file_name: String,
    pub(crate) path: TempPath,
    pub(crate) bytes: u64,
}

/// Renders a query into files in `dir`.
///
/// # Errors
/// The disk's, for instance when it is full.
pub(crate) fn render(still: &Still, query: Query, cut: Cut, dir: &Path) -> io::Result<Vec<Part>> {
    let ranges = still.table.parts(query.window, cut.rows_per_part);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(ranges.len());
    let next = Mutex::new(ranges.into_iter().enumerate());
    let work = || -> io::Result<Vec<(usize, Part)>> {
        let mut parts = Vec::new();
        loop {
            let claimed = next.lock().expect("no worker panics while claiming").next();
            let Some((index, range)) = claimed else { return Ok(parts) };
            parts.push((index, render_part(still, query, cut, range, index, dir)?));
        }
    };
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("rendering does not panic"))
            .collect::<io::Result<Vec<_>>>()
    })?;
    Ok(in_order(parts))
}

fn in_order(parts: Vec<Vec<(usize, Part)>>) -> Vec<Part> {
    let mut parts: Vec<(usize, Part)> = parts.into_iter().flatten().collect();
    parts.sort_by_key(|(index, _)| *index);
    parts.into_iter().map(|(_, part)| part).collect()
}

fn render_part(
    still: &Still,
    query: Query,
    cut: Cut,
    (first, last): (u64, u64),
    index: usize,
    dir: &Path,
) -> io::Result<Part> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    let reader = still.reader();
    let rows = deliveries(still, &reader, query.window, first, last);
    match query.format {
        Format::Parquet => write_parquet(still, query, rows, file.as_file_mut())?,
        _ => write_text(
            &*text_format(still, query),
            rows,
            cut.rows_per_gzip_member,
            file.as_file_mut(),
        )?,
    }
    let bytes = file.as_file().metadata()?.len();
    let file_name = format!("part-{index:05}-{:016x}.{}", still.table.seed, query.format.suffix());
    Ok(Part { file_name, path: file.into_temp_path(), bytes })
}

/// The rows of a range; where the source delivers at least once, some come twice.
fn deliveries<'a>(
    still: &'a Still,
    reader: &'a Reader<'a>,
    window: Window,
    first: u64,
    last: u64,
) -> impl Iterator<Item = Row> + 'a {
    let repeats = still.table.definition.repeats;
    let mut count = 0_u64;
    reader.rows(window, first, last).flat_map(move |row| {
        count += 1;
        let again = (repeats && count.is_multiple_of(20)).then(|| row.clone());
        again.into_iter().chain([row])
    })
}

fn text_format(still: &Still, query: Query) -> Box<dyn TextFormat> {
    let schema = still.table.schema();
    let incremental = query.window != Window::Snapshot;
    match query.format {
        Format::Csv => Box::new(Tabular::<Csv>::new(Layout::new(schema, query.mode, incremental))),
        Format::Jsonl => Box::new(Jsonl::new(schema, incremental)),
        Format::Tsv | Format::Parquet => {
            Box::new(Tabular::<Tsv>::new(Layout::new(schema, query.mode, incremental)))
        }
    }
}

fn write_text(
    format: &dyn TextFormat,
    rows: impl Iterator<Item = Row>,
    rows_per_member: Option<u64>,
    file: &mut File,
) -> io::Result<()> {
    let mut text = String::with_capacity(2 * CHUNK_BYTES);
    format.header(&mut text);
    let mut member = new_member(file);
    let mut count = 0;
    for row in rows {
        if rows_per_member.is_some_and(|rows| count == rows) {
            member.write_all(text.as_bytes())?;
            text.clear();
            member = new_member(member.finish()?);
            count = 0;
        }
        format.row(&row, &mut text);
        count += 1;
        if text.len() >= CHUNK_BYTES {
            member.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    member.write_all(text.as_bytes())?;
    member.finish()?;
    Ok(())
}

fn new_member<W: Write>(out: W) -> GzEncoder<W> {
    GzEncoder::new(out, Compression::fast())
}

fn write_parquet(
    still: &Still,
    query: Query,
    rows: impl Iterator<Item = Row>,
    file: &mut File,
) -> io::Result<()> {
    let schema = still.table.schema();
    let layout = Layout::new(schema, query.mode, query.window != Window::Snapshot);
    parquet::write(&layout, &schema.key.kind, rows, BufWriter::new(file)).map_err(io::Error::other)
}
