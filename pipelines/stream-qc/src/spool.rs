//! A series between its source and the checks, which look at it more than once: in memory while it is short, else in a
//! temporary file.
//!
//! What is kept are the columns that checks look at, already as numbers and times. A source is read once, whatever it
//! is; what happens to it meanwhile is no concern of the checks.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use stepwell_pipeline::error::in_one_line;

use crate::checks::numpy;
use crate::config::StreamConfig;
use crate::facts::{Facts, Survey};
use crate::process::{Evaluation, Input, Judged, Process, ProcessResult};
use crate::series::{self, Columns, NAT, Series};

/// So many points are kept in memory.
const POINTS_IN_MEMORY: usize = 4 * 65_536;

/// Why a series cannot be kept or judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that it is read from.
    #[error(transparent)]
    File(#[from] stepwell_tabular::Error),
    /// A column that it needs.
    #[error(transparent)]
    Series(#[from] series::Error),
    /// There are more points than are allowed.
    #[error("there are more than {max} points; ask for a shorter `Window`, or raise `max_points`")]
    TooLong {
        /// So many are allowed.
        max: usize,
    },
    /// Its rows change their columns.
    #[error("the columns change after {rows} rows: {found} after {before}")]
    Columns {
        /// Behind which row.
        rows: usize,
        /// What was there.
        before: String,
        /// What is there.
        found: String,
    },
    /// The temporary file, or whatever the flags are written to.
    #[error("a temporary file cannot be used: {0}")]
    Io(#[from] io::Error),
    /// What Arrow makes of the rows.
    #[error("{}", in_one_line(.0))]
    Arrow(#[from] ArrowError),
}

/// What is taken of a source.
#[derive(Debug, Clone)]
pub struct Wanted {
    columns: Columns,
    kept: Vec<String>,
    window: Option<(i64, i64)>,
    max_points: usize,
}

impl Wanted {
    /// What the checks of these processes look at.
    pub fn of(processes: &[Process], config: &StreamConfig) -> Self {
        let kept = processes.iter().flat_map(|it| it.columns(config)).collect();
        Self { columns: config.columns.clone(), kept, window: None, max_points: usize::MAX }
    }

    /// Only points from one instant (in it) to another (not in it), and those without a time.
    #[must_use]
    pub(crate) fn within(self, window: Option<(i64, i64)>) -> Self {
        Self { window, ..self }
    }

    /// More points are refused.
    #[must_use]
    pub(crate) fn at_most(self, max_points: usize) -> Self {
        Self { max_points, ..self }
    }
}

/// A series that is being read.
pub struct Spool {
    wanted: Wanted,
    /// The columns of the batches.
    schema: Option<SchemaRef>,
    /// What the source says of its columns, if it knows better than the batches.
    told: Option<SchemaRef>,
    rows: usize,
    survey: Survey,
    held: Vec<Series>,
    held_points: usize,
    file: Option<StreamWriter<BufWriter<File>>>,
}

impl Spool {
    /// Nothing yet.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            schema: None,
            told: None,
            rows: 0,
            survey: Survey::default(),
            held: Vec::new(),
            held_points: 0,
            file: None,
        }
    }

    /// Whether no batch was taken in.
    pub fn is_untouched(&self) -> bool {
        self.schema.is_none()
    }

    /// More points are refused.
    pub(crate) const fn max_points(&self) -> usize {
        self.wanted.max_points
    }

    /// Says what the columns hold, where the batches have texts in their place.
    pub(crate) fn tell_columns(&mut self, schema: SchemaRef) {
        self.told = Some(schema);
    }

    /// Takes in the next rows.
    ///
    /// # Errors
    /// If a column is not there or holds something else, if there are too many rows, or if they cannot be kept.
    pub fn push(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        if rows.num_columns() == 0 && rows.num_rows() == 0 {
            // Without a line there is nothing that names columns.
            return Ok(());
        }
        self.check_columns(rows)?;
        self.rows += rows.num_rows();
        if self.rows > self.wanted.max_points {
            return Err(Error::TooLong { max: self.wanted.max_points });
        }
        let series = Series::from_batch(rows, &self.wanted.columns)?;
        match within(self.wanted.window, series.times()) {
            None => self.push_series(series),
            Some(within) => {
                let rows = filter_record_batch(rows, &within)?;
                self.push_series(Series::from_batch(&rows, &self.wanted.columns)?)
            }
        }
    }

    /// Takes in the next points.
    ///
    /// # Errors
    /// If they cannot be kept.
    pub fn push_series(&mut self, series: Series) -> Result<(), Error> {
        self.survey.add(&series);
        self.schema.get_or_insert_with(|| series.table().schema());
        let series = series.keeping(&self.wanted.kept)?;
        if let Some(file) = &mut self.file {
            return Ok(file.write(&series.to_batch()?)?);
        }
        self.held_points += series.len();
        self.held.push(series);
        if self.held_points > POINTS_IN_MEMORY { self.spill() } else { Ok(()) }
    }

    fn check_columns(&self, rows: &RecordBatch) -> Result<(), Error> {
        let told = |schema: &Schema| {
            let column = |field: &arrow::datatypes::FieldRef| {
                format!("{} {}", field.name(), field.data_type())
            };
            schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
        };
        match &self.schema {
            Some(schema) if schema.fields() != rows.schema().fields() => Err(Error::Columns {
                rows: self.rows,
                before: told(schema),
                found: told(&rows.schema()),
            }),
            _ => Ok(()),
        }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let mut batches = self.held.drain(..).map(|series| series.to_batch());
        let Some(first) = batches.next().transpose()? else { return Ok(()) };
        let target = BufWriter::new(tempfile::tempfile()?);
        let mut file = StreamWriter::try_new(target, &first.schema())?;
        file.write(&first)?;
        for batch in batches {
            file.write(&batch?)?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// The series, once it has been read.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn finish(self) -> Result<Spooled, Error> {
        let file = self.file.map(|file| {
            let file = file.into_inner()?;
            file.into_inner().map_err(|error| Error::from(error.into_error()))
        });
        Ok(Spooled {
            schema: self.told.or(self.schema).unwrap_or_else(|| Schema::empty().into()),
            survey: self.survey,
            held: self.held,
            file: file.transpose()?,
            kept: self.wanted.kept.len(),
        })
    }
}

/// The points that lie in a window, if not all do. Those without a time are looked at, too.
fn within(window: Option<(i64, i64)>, times: &[i64]) -> Option<BooleanArray> {
    let (from, to) = window?;
    let is_within = |time: i64| time == NAT || (from <= time && time < to);
    let is_left_out = times.iter().any(|time| !is_within(*time));
    is_left_out.then(|| times.iter().map(|time| Some(is_within(*time))).collect())
}

/// A series that can be looked at as often as needed.
#[derive(Debug)]
pub struct Spooled {
    schema: SchemaRef,
    survey: Survey,
    held: Vec<Series>,
    file: Option<File>,
    kept: usize,
}

impl Spooled {
    /// How many points there are.
    pub fn points(&self) -> usize {
        self.survey.points()
    }

    /// The earliest time, if there is any.
    pub(crate) fn earliest(&self) -> Option<i64> {
        self.survey.earliest()
    }

    /// Whether every point has a time that is not earlier than the one before.
    pub(crate) const fn is_sorted(&self) -> bool {
        self.survey.facts(NAT).order.is_sorted
    }

    /// The points, in parts.
    ///
    /// # Errors
    /// If the temporary file cannot be read, or whatever `visit` gives.
    pub(crate) fn visit<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Series) -> Result<(), E>,
    ) -> Result<(), E> {
        for series in &self.held {
            visit(series.clone())?;
        }
        if let Some(file) = &self.file {
            let mut file = BufReader::new(file);
            file.rewind().map_err(Error::from)?;
            for batch in StreamReader::try_new(file, None).map_err(Error::from)? {
                let batch = batch.map_err(Error::from)?;
                visit(Series::of_kept(&batch, self.kept).map_err(Error::from)?)?;
            }
        }
        Ok(())
    }

    /// What is known of the points behind those of `context`.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn facts(&self, context: Option<&Series>) -> Result<Facts, Error> {
        let mut before = Survey::default();
        if let Some(context) = context {
            before.add(context);
        }
        let survey = before.followed_by(&self.survey);
        let median = match survey.steps.median() {
            Ok(median) => median,
            Err(search) => search.median(|count| self.visit_steps(context, count))?,
        };
        Ok(survey.facts(median))
    }

    fn visit_steps(
        &self,
        context: Option<&Series>,
        count: &mut dyn FnMut(i64),
    ) -> Result<(), Error> {
        let mut before = None;
        let mut visit = |series: Series| {
            let Some((&first, &last)) = series.times().first().zip(series.times().last()) else {
                return Ok(());
            };
            if let Some(before) = before.replace(last) {
                count(numpy::difference(first, before));
            }
            numpy::steps(series.times()).for_each(&mut *count);
            Ok(())
        };
        context.map_or(Ok(()), |context| visit(context.clone()))?;
        self.visit(visit)
    }

    /// Runs the checks of some processes; `sink` gets the flags, stretch after stretch.
    ///
    /// # Errors
    /// If the temporary file cannot be read, or `sink` fails.
    pub fn evaluate(
        &self,
        processes: &[Process],
        input: &Input<'_>,
        config: &StreamConfig,
        sink: &mut dyn FnMut(&Judged<'_>) -> io::Result<()>,
    ) -> Result<Vec<ProcessResult>, Error> {
        let facts = self.facts(input.context)?;
        let mut evaluation = Evaluation::new(processes, input, &self.schema, facts, config);
        self.visit(|series| evaluation.push(series, sink))?;
        evaluation.finish(sink)
    }
}
