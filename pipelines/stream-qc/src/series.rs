//! A series of measurements as columns: times, values, and what else the checks look at.
//!
//! Columns that are already what the checks need (`Float64`, timestamps in nanoseconds, no nulls) are shared with the
//! batch and not copied.

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int64Type, Schema, TimeUnit as ArrowUnit, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use std::ops::Range;
use std::sync::Arc;
use stepwell_pipeline::suggest;

/// A time that is missing or cannot be read.
pub const NAT: i64 = i64::MIN;

/// What a time column counts where it holds numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// Seconds since 1970, with a fraction where the column has one.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
}

impl TimeUnit {
    pub(crate) const fn nanoseconds(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }
}

/// Which columns of a batch are what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The time of a measurement: RFC 3339 with or without a zone, a timestamp, or a number since 1970.
    pub time: String,
    /// The measured value.
    pub value: String,
    /// Depth in metres, positive down.
    pub depth: Option<String>,
    /// Longitude in degrees east.
    pub lon: Option<String>,
    /// Latitude in degrees north.
    pub lat: Option<String>,
    /// What numbers in the time column count.
    pub time_unit: TimeUnit,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            time: "time".to_owned(),
            value: "value".to_owned(),
            depth: None,
            lon: None,
            lat: None,
            time_unit: TimeUnit::default(),
        }
    }
}

/// Why a batch is no series.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A column that the configuration names is not there.
    #[error("the data has no column `{column}` for the {role}; it has {found}{}", did_you_mean(suggestion.as_deref()))]
    NoColumn {
        /// What the column would be, for instance `value`.
        role: &'static str,
        /// Its name.
        column: String,
        /// The columns that are there.
        found: String,
        /// The one that may be meant.
        suggestion: Option<String>,
    },
    /// A column holds something else than numbers or times.
    #[error(
        "the column `{column}` holds {found}, which cannot be read as {role}; name another column under `columns`"
    )]
    Type {
        /// What the column should be.
        role: &'static str,
        /// Its name.
        column: String,
        /// Its type.
        found: DataType,
    },
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The names of what every column is, where the columns are kept.
const TIMES: &str = "times";
const VALUES: &str = "values";
const DEPTHS: &str = "depths";
const LON: &str = "lon";
const LAT: &str = "lat";

/// A series: one entry per point in every column, in the order of the data.
#[derive(Debug, Clone)]
pub struct Series {
    times: ScalarBuffer<i64>,
    values: ScalarBuffer<f64>,
    depth: Option<ScalarBuffer<f64>>,
    lon: Option<ScalarBuffer<f64>>,
    lat: Option<ScalarBuffer<f64>>,
    table: RecordBatch,
}

impl Series {
    /// A series of times (nanoseconds since 1970, [`NAT`]) and values (NaN is missing), without further columns.
    ///
    /// # Panics
    /// If there are not as many times as values.
    pub fn new(times: Vec<i64>, values: Vec<f64>) -> Self {
        assert_eq!(times.len(), values.len(), "every value has a time");
        let rows = RecordBatchOptions::new().with_row_count(Some(values.len()));
        let table = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &rows);
        let table = table.expect("no columns cannot disagree");
        Self {
            times: times.into(),
            values: values.into(),
            depth: None,
            lon: None,
            lat: None,
            table,
        }
    }

    /// No points, and no columns.
    pub fn empty() -> Self {
        Self::new(Vec::new(), Vec::new())
    }

    /// The same series at these depths.
    #[must_use]
    pub fn with_depth(self, depth: Vec<f64>) -> Self {
        Self { depth: Some(depth.into()), ..self }
    }

    /// The same series at these places, in degrees.
    #[must_use]
    pub fn with_position(self, lon: Vec<f64>, lat: Vec<f64>) -> Self {
        Self { lon: Some(lon.into()), lat: Some(lat.into()), ..self }
    }

    /// Reads a batch. A null is a missing value, and so is a text that is no number or no time.
    ///
    /// # Errors
    /// If a column is not there or cannot hold what it should.
    pub fn from_batch(batch: &RecordBatch, columns: &Columns) -> Result<Self, Error> {
        let number = |role, name: &Option<String>| {
            name.as_ref().map(|name| numbers(column(batch, role, name)?, role, name)).transpose()
        };
        let time = column(batch, "time", &columns.time)?;
        Ok(Self {
            times: instants(time, &columns.time, columns.time_unit)?,
            values: numbers(column(batch, "value", &columns.value)?, "value", &columns.value)?,
            depth: number("depth", &columns.depth)?,
            lon: number("longitude", &columns.lon)?,
            lat: number("latitude", &columns.lat)?,
            table: batch.clone(),
        })
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Nanoseconds since 1970, or [`NAT`].
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The values; NaN is missing.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Metres, positive down; NaN is missing.
    pub fn depth(&self) -> Option<&[f64]> {
        self.depth.as_deref()
    }

    /// Longitudes and latitudes, if there are both.
    pub fn position(&self) -> Option<(&[f64], &[f64])> {
        Some((self.lon.as_deref()?, self.lat.as_deref()?))
    }

    /// All columns of the data.
    pub fn table(&self) -> &RecordBatch {
        &self.table
    }

    /// Some of the points, without copying them.
    ///
    /// # Panics
    /// If there are not as many points.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        let part =
            |column: &Option<ScalarBuffer<f64>>| column.as_ref().map(|it| it.slice(start, length));
        Self {
            times: self.times.slice(start, length),
            values: self.values.slice(start, length),
            depth: part(&self.depth),
            lon: part(&self.lon),
            lat: part(&self.lat),
            table: self.table.slice(start, length),
        }
    }

    /// The points from one position up to another, copied: the others can be let go.
    #[must_use]
    pub(crate) fn detached(&self, range: Range<usize>) -> Self {
        let part = |column: &Option<ScalarBuffer<f64>>| {
            column.as_ref().map(|it| it[range.clone()].to_vec().into())
        };
        Self {
            depth: part(&self.depth),
            lon: part(&self.lon),
            lat: part(&self.lat),
            ..Self::new(self.times[range.clone()].to_vec(), self.values[range.clone()].to_vec())
        }
    }

    /// These points one after the other, with all their columns.
    ///
    /// # Errors
    /// If they do not have the same columns.
    pub(crate) fn joined(parts: &[Self]) -> Result<Self, ArrowError> {
        let filled: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
        match filled[..] {
            [] => Ok(parts.first().cloned().unwrap_or_else(Self::empty)),
            [only] => Ok(only.clone()),
            [first, ..] => {
                let batches = filled.iter().map(|part| part.to_batch());
                let batches: Vec<_> = batches.collect::<Result<_, _>>()?;
                let batch = concat_batches(&batches[0].schema(), &batches)?;
                Self::of_kept(&batch, first.table.num_columns())
            }
        }
    }

    /// The same points with only these of the data's columns.
    pub(crate) fn keeping(self, names: &[String]) -> Result<Self, ArrowError> {
        let schema = self.table.schema();
        let is_kept = |at: &usize| names.contains(schema.field(*at).name());
        let kept: Vec<_> = (0..schema.fields().len()).filter(is_kept).collect();
        Ok(Self { table: self.table.project(&kept)?, ..self })
    }

    /// All columns in one batch; [`Self::of_kept`] reads it.
    pub(crate) fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let number = |name, column: &ScalarBuffer<f64>| {
            let array: ArrayRef = Arc::new(Float64Array::new(column.clone(), None));
            (Field::new(name, DataType::Float64, false), array)
        };
        let times: ArrayRef = Arc::new(Int64Array::new(self.times.clone(), None));
        let mut columns =
            vec![(Field::new(TIMES, DataType::Int64, false), times), number(VALUES, &self.values)];
        let further = [(DEPTHS, &self.depth), (LON, &self.lon), (LAT, &self.lat)];
        let given = further.into_iter().filter_map(|(name, it)| Some(number(name, it.as_ref()?)));
        columns.extend(given);
        let (mut fields, mut arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        fields.extend(self.table.schema().fields().iter().map(|it| it.as_ref().clone()));
        arrays.extend_from_slice(self.table.columns());
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }

    /// What [`Self::to_batch`] gave; the data's own columns are the last ones.
    pub(crate) fn of_kept(batch: &RecordBatch, own: usize) -> Result<Self, ArrowError> {
        let roles = batch.num_columns() - own;
        let schema = batch.schema();
        let find = |name: &str| (0..roles).find(|at| schema.field(*at).name() == name);
        let number = |name| {
            find(name).map(|at| batch.column(at).as_primitive::<Float64Type>().values().clone())
        };
        Ok(Self {
            times: batch.column(0).as_primitive::<Int64Type>().values().clone(),
            values: batch.column(1).as_primitive::<Float64Type>().values().clone(),
            depth: number(DEPTHS),
            lon: number(LON),
            lat: number(LAT),
            table: batch.project(&(roles..batch.num_columns()).collect::<Vec<_>>())?,
        })
    }

    /// These points behind those of `context`, for the checks that look back. Further columns are not in it, and a
    /// position or depth that only one of both has is missing in the other.
    #[must_use]
    pub fn behind(&self, context: &Self) -> Self {
        let part = |before: Option<&[f64]>, column: Option<&[f64]>| {
            column.map(|column| {
                let unknown = || vec![f64::NAN; context.len()];
                [before.map_or_else(unknown, <[f64]>::to_vec), column.to_vec()].concat()
            })
        };
        let joined = Self::new(
            [context.times(), self.times()].concat(),
            [context.values(), self.values()].concat(),
        );
        Self {
            depth: part(context.depth(), self.depth()).map(Into::into),
            lon: part(context.lon.as_deref(), self.lon.as_deref()).map(Into::into),
            lat: part(context.lat.as_deref(), self.lat.as_deref()).map(Into::into),
            ..joined
        }
    }
}

fn column<'b>(
    batch: &'b RecordBatch,
    role: &'static str,
    name: &str,
) -> Result<&'b ArrayRef, Error> {
    batch.column_by_name(name).ok_or_else(|| {
        let schema = batch.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let found =
            if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) };
        let suggestion = suggest::closest(name, names).map(str::to_owned);
        Error::NoColumn { role, column: name.to_owned(), found, suggestion }
    })
}

/// A column as numbers, NaN where there is none.
///
/// # Errors
/// If it can hold no number.
pub fn numbers(
    column: &ArrayRef,
    role: &'static str,
    name: &str,
) -> Result<ScalarBuffer<f64>, Error> {
    let unfit = || Error::Type { role, column: name.to_owned(), found: column.data_type().clone() };
    let is_number = column.data_type().is_numeric() || is_text(column.data_type());
    if !is_number && *column.data_type() != DataType::Null {
        return Err(unfit());
    }
    let column = cast(column, &DataType::Float64).map_err(|_| unfit())?;
    let column = column.as_primitive::<Float64Type>();
    Ok(match column.null_count() {
        0 => column.values().clone(),
        _ => column.iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
    })
}

fn instants(column: &ArrayRef, name: &str, unit: TimeUnit) -> Result<ScalarBuffer<i64>, Error> {
    let mistyped = || Error::Type {
        role: "a time",
        column: name.to_owned(),
        found: column.data_type().clone(),
    };
    match column.data_type() {
        DataType::Null => Ok(vec![NAT; column.len()].into()),
        text if is_text(text) => {
            let text = cast(column, &DataType::Utf8).map_err(|_| mistyped())?;
            let text = text.as_string::<i32>();
            Ok(text.iter().map(|text| text.map_or(NAT, |text| of_text(text, unit))).collect())
        }
        integer if integer.is_integer() => {
            let count = cast(column, &DataType::Int64).map_err(|_| mistyped())?;
            let count = count.as_primitive::<Int64Type>();
            Ok(count
                .iter()
                .map(|count| count.map_or(NAT, |count| of_integer(count, unit)))
                .collect())
        }
        float if float.is_floating() => {
            let count = numbers(column, "a time", name)?;
            Ok(count.iter().map(|count| of_float(*count, unit)).collect())
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let nanoseconds = DataType::Timestamp(ArrowUnit::Nanosecond, None);
            let column = cast(column, &nanoseconds).map_err(|_| mistyped())?;
            let column = column.as_primitive::<TimestampNanosecondType>();
            Ok(match column.null_count() {
                0 => column.values().clone(),
                _ => column.iter().map(|time| time.unwrap_or(NAT)).collect(),
            })
        }
        _ => Err(mistyped()),
    }
}

const fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// A number since 1970, or else a time as people write it.
fn of_text(text: &str, unit: TimeUnit) -> i64 {
    let text = text.trim();
    let number = text.parse().map(|count| of_integer(count, unit));
    let number = number.or_else(|_| text.parse().map(|count| of_float(count, unit)));
    number.unwrap_or_else(|_: std::num::ParseFloatError| parse_time(text).unwrap_or(NAT))
}

fn of_integer(count: i64, unit: TimeUnit) -> i64 {
    count.checked_mul(unit.nanoseconds()).unwrap_or(NAT)
}

fn of_float(count: f64, unit: TimeUnit) -> i64 {
    // Whole units and the fraction apart: a number of seconds has no room for nanoseconds.
    let (whole, fraction) = (count.trunc(), count.fract());
    let scale = unit.nanoseconds();
    if !count.is_finite() || whole.abs() >= i64::MAX as f64 / scale as f64 {
        return NAT;
    }
    (whole as i64) * scale + (fraction * scale as f64).round() as i64
}

/// Reads RFC 3339, or the same without a zone, which is UTC. `2026-03-01` is its midnight.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        local.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    i64::try_from(time.as_nanosecond()).ok().filter(|time| *time != NAT)
}

/// The instant, unless it is missing.
pub fn instant(time: i64) -> Option<jiff::Timestamp> {
    (time != NAT).then(|| jiff::Timestamp::from_nanosecond(i128::from(time)).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMillisecondArray};

    use super::*;

    fn batch(time: ArrayRef, value: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([("time", time), ("value", value)]).expect("two columns")
    }

    fn times_of(time: ArrayRef, unit: TimeUnit) -> Vec<i64> {
        let values = Arc::new(Float64Array::from(vec![0.0; time.len()]));
        let columns = Columns { time_unit: unit, ..Columns::default() };
        Series::from_batch(&batch(time, values), &columns).expect("it is a series").times().to_vec()
    }

    #[test]
    fn times_are_read_from_texts_timestamps_and_numbers() {
        let texts = [
            "1970-01-01T00:00:01.5Z",
            "1970-01-01T01:00:01+01:00",
            "1970-01-01 00:00:02",
            "1970-01-02",
            "soon",
        ];
        let nanoseconds = [1_500_000_000, 1_000_000_000, 2_000_000_000, 86_400_000_000_000, NAT];
        assert_eq!(
            times_of(Arc::new(StringArray::from(texts.to_vec())), TimeUnit::Seconds),
            nanoseconds
        );
        let timestamps =
            TimestampMillisecondArray::from(vec![Some(1500), None]).with_timezone("+02:00");
        assert_eq!(times_of(Arc::new(timestamps), TimeUnit::Seconds), [1_500_000_000, NAT]);
        let integers = Int64Array::from(vec![Some(1), None, Some(i64::MAX)]);
        assert_eq!(times_of(Arc::new(integers), TimeUnit::Milliseconds), [1_000_000, NAT, NAT]);
        let floats = Float64Array::from(vec![1.25, f64::NAN, -0.5]);
        assert_eq!(
            times_of(Arc::new(floats), TimeUnit::Seconds),
            [1_250_000_000, NAT, -500_000_000]
        );
    }

    #[test]
    fn what_fits_is_not_copied() {
        let values = Float64Array::from(vec![1.0, 2.0]);
        let before = values.values().as_ptr();
        let times = Arc::new(arrow::array::TimestampNanosecondArray::from(vec![1, 2]));
        let series = Series::from_batch(&batch(times, Arc::new(values)), &Columns::default());
        assert_eq!(series.expect("it is a series").values().as_ptr(), before);
    }

    #[test]
    fn numbers_are_read_from_texts_and_what_is_none_is_missing() {
        let values = Arc::new(StringArray::from(vec![Some("1.5"), Some("much"), None]));
        let times = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let series =
            Series::from_batch(&batch(times, values), &Columns::default()).expect("a series");
        assert!(
            matches!(series.values(), [one, two, three] if one.to_bits() == 1.5_f64.to_bits() && two.is_nan() && three.is_nan())
        );
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_the_one_that_may_be_meant() {
        let times = Arc::new(Int64Array::from(vec![1]));
        let values = Arc::new(Float64Array::from(vec![1.0]));
        let columns = Columns { value: "valeu".to_owned(), ..Columns::default() };
        let error = Series::from_batch(&batch(times, values), &columns).expect_err("it is missing");
        assert_eq!(
            error.to_string(),
            "the data has no column `valeu` for the value; it has `time`, `value`; did you mean `value`?"
        );
    }
}
