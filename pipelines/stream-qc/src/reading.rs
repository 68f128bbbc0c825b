//! From a source to a series: the rows within the window, and what is kept of them.

use jiff::Timestamp;
use stepwell_pipeline::{Context, HandlerError};

use crate::config::StreamConfig;
use crate::handlers::Started;
use crate::input::Point;
use crate::process::{Process, nanoseconds};
use crate::series::{NAT, Series};
use crate::service::Service;
use crate::source::Source;
use crate::spool::{Error, Spool, Spooled, Wanted};
use crate::tables::series::{Kept, Sample};

/// Reads the points of a run, once.
///
/// # Errors
/// By class, as [`Source::rows`]; [`HandlerError::Data`] if a column is not there or holds something else.
pub(crate) async fn read(
    process: Process,
    started: &Started,
    config: &StreamConfig,
    service: &Service,
    ctx: &Context,
) -> Result<Spooled, HandlerError> {
    let source = Source::read("Data", &started.data)?;
    let window = started.window.map(|it| (nanoseconds(it.from), nanoseconds(it.to)));
    let wanted = Wanted::of(&[process], config).within(window).at_most(service.config.max_points);
    let mut spool = Spool::new(wanted);
    source.rows(&config.columns, started.window, &mut spool, service, ctx).await?;
    spool.finish().map_err(|error| refused("Data", error))
}

/// A series that cannot be read or kept, by what should happen next.
pub(crate) fn refused(place: &str, error: Error) -> HandlerError {
    let told = format!("`{place}`: {error}");
    match error {
        Error::Io(_) => HandlerError::Retryable(told),
        Error::File(error) if error.is_retryable() => HandlerError::Retryable(told),
        _ => HandlerError::Data(told),
    }
}

/// The context as a series, without what is not before the first point.
pub(crate) fn before(series: &Spooled, context: &[Point]) -> Option<Series> {
    let first = series.earliest();
    let is_before = |point: &&Point| first.is_none_or(|first| nanoseconds(point.time) < first);
    let mut points: Vec<_> = context.iter().filter(is_before).collect();
    points.sort_by_key(|point| point.time);
    let times = points.iter().map(|point| nanoseconds(point.time)).collect();
    let values = points.iter().map(|point| point.value.unwrap_or(f64::NAN)).collect();
    (!points.is_empty()).then(|| Series::new(times, values))
}

/// What is kept of a series: evenly chosen points for the page, and the last ones for the next run.
///
/// # Errors
/// If the series cannot be read any more.
pub(crate) fn sample(series: &Spooled, points: usize, last: usize) -> Result<Sample, Error> {
    if series.is_sorted() {
        let mut chosen = Chosen::of(series.points(), points, last);
        let mut row = 0..;
        visit(series, |time, value| chosen.add(row.next().unwrap_or_default(), time, value))?;
        return Ok(chosen.sample);
    }
    // In order of time there is no next point before all are known.
    let (mut all, mut row) = (Vec::new(), 0..);
    visit(series, |time, value| all.push((time, row.next().unwrap_or_default(), value)))?;
    all.retain(|(time, ..)| *time != NAT);
    all.sort_by_key(|(time, ..)| *time);
    let mut chosen = Chosen::of(all.len(), points, last);
    for (time, row, value) in all {
        chosen.add(row, time, value);
    }
    Ok(chosen.sample)
}

fn visit(series: &Spooled, mut point: impl FnMut(i64, f64)) -> Result<(), Error> {
    series.visit(|part| {
        part.times().iter().zip(part.values()).for_each(|(time, value)| point(*time, *value));
        Ok(())
    })
}

/// Points that are being chosen, in order of time.
struct Chosen {
    points: usize,
    stride: usize,
    /// From here on all points are the last ones.
    tail: usize,
    seen: usize,
    sample: Sample,
}

impl Chosen {
    fn of(all: usize, points: usize, last: usize) -> Self {
        let stride = all.div_ceil(points.max(1)).max(1);
        let tail = all.saturating_sub(last);
        Self { points, stride, tail, seen: 0, sample: Sample::default() }
    }

    fn add(&mut self, row: u64, time: i64, value: f64) {
        let Sample { points, last } = &mut self.sample;
        if self.seen.is_multiple_of(self.stride) && points.len() < self.points {
            points.push(Kept(row, time as f64 / 1e9, finite(value)));
        }
        if self.seen >= self.tail {
            let time = Timestamp::from_nanosecond(time.into()).ok();
            last.extend(time.map(|time| Point { time, value: finite(value) }));
        }
        self.seen += 1;
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Format};

    fn series(seconds: &[i64]) -> Spooled {
        let config = Config::parse("", Format::Toml).expect("a stream without checks");
        let config = config.streams().next().expect("one stream");
        let mut spool = Spool::new(Wanted::of(&Process::ALL, config));
        let times = seconds.iter().map(|it| it * 1_000_000_000).collect();
        let values = seconds.iter().map(|it| *it as f64).collect();
        spool.push_series(Series::new(times, values)).expect("it fits");
        spool.finish().expect("it is short")
    }

    #[test]
    fn a_sample_is_in_order_of_time_and_bounded() {
        let of = |seconds: &[i64], points, last| sample(&series(seconds), points, last).unwrap();
        let kept = of(&[5, 1, 4, 2, 3], 3, 2);
        assert_eq!(kept.points.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 4, 0]);
        assert_eq!(kept.last.iter().map(|it| it.time.as_second()).collect::<Vec<_>>(), [4, 5]);
        let kept = of(&[1, 2, 3, 4, 5], 3, 2);
        assert_eq!(kept.points.iter().map(|it| it.0).collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(kept.last.iter().map(|it| it.time.as_second()).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(of(&[], 3, 2), Sample::default());
        assert_eq!(of(&[1, 2], 0, 0), Sample::default());
    }

    #[test]
    fn context_is_what_lies_before() {
        let point = |second| Point { time: Timestamp::from_second(second).unwrap(), value: None };
        let context = before(&series(&[10, 20]), &[point(10), point(9), point(3)]).unwrap();
        assert_eq!(context.times(), [3_000_000_000, 9_000_000_000]);
        assert!(before(&series(&[10]), &[point(11)]).is_none());
    }
}
