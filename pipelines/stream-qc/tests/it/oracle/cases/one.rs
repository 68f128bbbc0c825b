//! The checks of the first process.

use arrow::array::StringArray;
use jiff::Timestamp;
use serde_json::json;
use stepwell_stream_qc::checks::duplicate_stamp;
use stepwell_stream_qc::series::parse_time;

use super::super::Case;
use super::super::configured::{configured, table};
use super::super::random::{Random, instants, real};
use super::MODE;

pub(super) fn reception(random: &mut Random) -> Case {
    let length = random.length();
    let mut times = random.times(length);
    for time in &mut times {
        if random.chance(0.05) {
            *time = parse_time(random.pick(&["1678-01-01", "1733-06-01", "1900-01-01"]))
                .expect("a time");
        }
    }
    let fail_h = random.hours();
    let near = if times.is_empty() { 0 } else { times[random.below(times.len())].max(0) };
    let text =
        instant_text(near.saturating_add(random.pick(&[0, 1_000_000_000, 3_600_000_000_000, -60])));
    let now = parse_time(&text).expect("a time");
    let config = configured("process1", "reception_h", fail_h.into());
    let check = config.and_then(|it| it.process1.reception);
    Case {
        function: "qartod.data_reception_test",
        args: json!({ "tinp": instants(&times), "fail_span": real(fail_h), "from_time": text }),
        ours: check.map(|it| Ok(it.flags(MODE, &times, now))),
    }
}

/// A time as numpy reads it: without a zone.
fn instant_text(time: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(time)).expect("it is in range");
    time.to_string().trim_end_matches('Z').to_owned()
}

pub(super) fn impossible_date(random: &mut Random) -> Case {
    let length = random.length();
    let mut times = random.times(length);
    for time in &mut times {
        if random.chance(0.1) {
            // Far from now, which the library asks the clock for.
            *time = parse_time(random.pick(&[
                "1999-12-31T23:59:59",
                "2000-01-01",
                "2199-01-01",
                "1900-01-01",
            ]))
            .expect("a time");
        }
    }
    let dates = ["1900-01-01", "2000-01-01", "2010-01-01", "2100-01-01", "2200-01-01"];
    let span = random.maybe(|random| [random.pick(&dates), random.pick(&dates)]);
    // Series of this year lie around now: move them into the past.
    let year = 2 * 366 * 86_400 * 1_000_000_000;
    let recent =
        parse_time("2026-01-01").expect("a time")..parse_time("2100-01-01").expect("a time");
    times.iter_mut().filter(|time| recent.contains(time)).for_each(|time| *time -= year);
    let ends = span.map(|[earliest, latest]| {
        table([("earliest", Some(earliest.into())), ("latest", Some(latest.into()))])
    });
    let config = configured("process1", "impossible_date", ends.unwrap_or_else(|| true.into()));
    let check = config.and_then(|it| it.process1.impossible_date);
    let now = i64::try_from(Timestamp::now().as_nanosecond()).expect("it is in range");
    Case {
        function: "qartod.impossible_date_test",
        args: json!({ "tinp": instants(&times), "fail_span": span.map(|ends| json!({ "tuple": ends })) }),
        ours: check.map(|it| Ok(it.flags(&times, now))),
    }
}

pub(super) fn duplicate(random: &mut Random) -> Case {
    let length = random.length();
    let times = random.times(length);
    Case {
        function: "argo.duplicate_timestamp_test",
        args: json!({ "tinp": instants(&times) }),
        ours: Some(Ok(duplicate_stamp::flags(&times))),
    }
}

pub(super) fn syntax(random: &mut Random) -> Case {
    let length = random.length();
    let pieces = ["a", "0A", "ü", ",", ";", ", ", "12", "", " ", "水"];
    let lines: Vec<String> =
        (0..length).map(|_| (0..random.below(6)).map(|_| random.pick(&pieces)).collect()).collect();
    let count = if random.chance(0.9) {
        random.below(7) as f64
    } else {
        random.pick(&[-1.0, 0.5, 2.5, 1e12])
    };
    let (kind, key) = random.pick(&[("char", "characters"), ("byte", "bytes"), ("char", "fields")]);
    let delimiter = random.maybe(|random| random.pick(&[",", ";", ", ", "a"]));
    // Fields have a comma between them, unless said otherwise.
    let delimiter = delimiter.or((key == "fields").then_some(","));
    let said = table([(key, Some(count.into())), ("delimiter", delimiter.map(Into::into))]);
    let check = configured("process1", "syntax", said).and_then(|it| it.process1.syntax);
    let given = StringArray::from(lines.clone());
    Case {
        function: "qartod.syntax_test",
        args: json!({ "inp": { "texts": lines }, "nchar": count, "lentype": kind, "delimiter": delimiter }),
        ours: check.map(|it| Ok(it.flags(MODE, &given))),
    }
}
