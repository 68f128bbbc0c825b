//! From a source to a series: the rows within the window, and what is kept of them.

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use jiff::Timestamp;
use stepwell_pipeline::{Context, HandlerError};

use crate::config::StreamConfig;
use crate::handlers::Started;
use crate::input::{Point, Window};
use crate::series::{NAT, Series};
use crate::service::Service;
use crate::source::{Source, Wanted};
use crate::tables::series::{Kept, Sample};

/// Reads the points of a run.
///
/// # Errors
/// By class, as [`Source::rows`]; [`HandlerError::Data`] if a column is not there or holds something else.
pub(crate) async fn read(
    started: &Started,
    config: &StreamConfig,
    service: &Service,
    ctx: &Context,
) -> Result<Series, HandlerError> {
    let source = Source::read("Data", &started.data)?;
    let wanted = Wanted {
        columns: &config.columns,
        window: started.window,
        max_rows: service.config.max_points,
    };
    let rows = source.rows(&wanted, service, ctx).await?;
    if rows.num_columns() == 0 && rows.num_rows() == 0 {
        return Ok(Series::new(Vec::new(), Vec::new()));
    }
    let told = |error: &dyn std::fmt::Display| HandlerError::Data(format!("`Data`: {error}"));
    let series = Series::from_batch(&rows, &config.columns).map_err(|error| told(&error))?;
    let Some(window) = started.window else { return Ok(series) };
    let is_within = within(window, series.times());
    if is_within.false_count() == 0 {
        return Ok(series);
    }
    let rows = filter_record_batch(&rows, &is_within).map_err(|error| told(&error))?;
    Series::from_batch(&rows, &config.columns).map_err(|error| told(&error))
}

/// Which points lie in the window; those without a time are looked at, too.
fn within(window: Window, times: &[i64]) -> BooleanArray {
    let (from, to) = (nanoseconds(window.from), nanoseconds(window.to));
    times.iter().map(|time| Some(*time == NAT || (from <= *time && *time < to))).collect()
}

/// The context as a series, without what is not before the first point.
pub(crate) fn before(series: &Series, context: &[Point]) -> Option<Series> {
    let first = series.times().iter().copied().filter(|time| *time != NAT).min();
    let is_before = |point: &&Point| first.is_none_or(|first| nanoseconds(point.time) < first);
    let mut points: Vec<_> = context.iter().filter(is_before).collect();
    points.sort_by_key(|point| point.time);
    let times = points.iter().map(|point| nanoseconds(point.time)).collect();
    let values = points.iter().map(|point| point.value.unwrap_or(f64::NAN)).collect();
    (!points.is_empty()).then(|| Series::new(times, values))
}

/// What is kept of a series: evenly chosen points for the page, and the last ones for the next run.
pub(crate) fn sample(series: &Series, points: usize, last: usize) -> Sample {
    let times = series.times();
    let mut order: Vec<usize> = (0..times.len()).filter(|at| times[*at] != NAT).collect();
    order.sort_by_key(|at| times[*at]);
    let stride = order.len().div_ceil(points.max(1)).max(1);
    let kept = order
        .iter()
        .step_by(stride)
        .take(points)
        .map(|at| Kept(*at as u64, times[*at] as f64 / 1e9, finite(series.values()[*at])));
    let tail = order[order.len() - last.min(order.len())..].iter().filter_map(|at| {
        let time = Timestamp::from_nanosecond(times[*at].into()).ok()?;
        Some(Point { time, value: finite(series.values()[*at]) })
    });
    Sample { points: kept.collect(), last: tail.collect() }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time.as_second() < 0 {
        NAT + 1
    } else {
        i64::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(seconds: &[i64]) -> Series {
        let times = seconds.iter().map(|it| it * 1_000_000_000).collect();
        Series::new(times, seconds.iter().map(|it| *it as f64).collect())
    }

    #[test]
    fn a_sample_is_in_order_of_time_and_bounded() {
        let kept = sample(&series(&[5, 1, 4, 2, 3]), 3, 2);
        assert_eq!(kept.points.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 4, 0]);
        assert_eq!(kept.last.iter().map(|it| it.time.as_second()).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(sample(&series(&[]), 3, 2), Sample::default());
        assert_eq!(sample(&series(&[1, 2]), 0, 0), Sample::default());
    }

    #[test]
    fn context_is_what_lies_before() {
        let point = |second| Point { time: Timestamp::from_second(second).unwrap(), value: None };
        let context = before(&series(&[10, 20]), &[point(10), point(9), point(3)]).unwrap();
        assert_eq!(context.times(), [3_000_000_000, 9_000_000_000]);
        assert!(before(&series(&[10]), &[point(11)]).is_none());
    }
}
