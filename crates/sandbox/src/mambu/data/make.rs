//! Made records: spread over thirty days, awkward texts and amounts among them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::json::Json;
use super::spec::{Fields, Kind, SPECS, spec_of};
use super::{Row, Table, Tenant};
use crate::draw::{Draw, mix, salt_of};
use crate::mambu::Options;

/// Seeded records lie in so many seconds before the clock's start.
const SECONDS: i64 = 30 * 24 * 3_600;

/// Makes all data.
pub(crate) fn populate(options: &Options, now: Timestamp) -> Tenant {
    let table = |spec: &'static super::Spec| Table { spec, rows: Vec::new(), next: 1 };
    let tables: BTreeMap<_, _> = SPECS.iter().map(|spec| (spec.name, table(spec))).collect();
    let mut tenant = Tenant { tables, seed: mix(options.seed, 0x3a3b) };
    // Records refer to others by number, so how many there will be is said first.
    for spec in SPECS {
        let count = (options.records * spec.tenths).div_ceil(10) as u64;
        tenant.tables.get_mut(spec.name).expect("made a moment ago").next = count + 1;
    }
    for spec in SPECS {
        let count = (options.records * spec.tenths).div_ceil(10);
        // In the block, everybody has the time of its first.
        let block = count / 4..count / 4 + options.equal_times.min(count / 2);
        for number in 1..=count {
            let place = if block.contains(&number) { block.start } else { number };
            let ago = SECONDS - SECONDS * place as i64 / (count as i64 + 1);
            let at = now - SignedDuration::from_secs(ago);
            let value = record(&tenant, spec.name, number as u64, 0, at);
            let value = value.expect("the table is there");
            let row = Row { value, number: number as u64, revision: 0 };
            tenant.tables.get_mut(spec.name).expect("made a moment ago").rows.push(row);
        }
    }
    tenant
}

/// The values of a record: they follow from the seed, its number and its revision.
pub(super) fn record(
    tenant: &Tenant,
    table: &str,
    number: u64,
    revision: u64,
    at: Timestamp,
) -> Option<Json> {
    let spec = spec_of(table)?;
    let maker = Maker { tenant, table: spec.name, number, at };
    Some(maker.object(spec.fields, mix(mix(tenant.seed, salt_of(table)), mix(number, revision))))
}

struct Maker<'t> {
    tenant: &'t Tenant,
    table: &'static str,
    number: u64,
    at: Timestamp,
}

impl Maker<'_> {
    /// What has no value is not there.
    fn object(&self, fields: Fields, seed: u64) -> Json {
        let member = |(name, kind): &(&'static str, Kind)| {
            let value = self.value(*kind, mix(seed, salt_of(name)))?;
            Some(((*name).to_owned(), value))
        };
        Json::Object(fields.iter().filter_map(member).collect())
    }

    fn value(&self, kind: Kind, seed: u64) -> Option<Json> {
        let mut draw = Draw::new(seed);
        let draw = &mut draw;
        Some(match kind {
            Kind::Key => Json::Text(self.key(self.table, self.number)),
            Kind::Name(prefix) => Json::Text(format!("{prefix}{}", self.number)),
            Kind::Number => Json::Number(self.number as i64),
            Kind::Created | Kind::Modified => Json::Time(self.at),
            Kind::Of(table) => {
                let count = self.tenant.tables.get(table).map_or(1, |table| table.next - 1);
                Json::Text(self.key(table, 1 + draw.below(count)))
            }
            Kind::Choice(values) => Json::Text(draw.pick(values).to_owned()),
            Kind::Object(fields) => self.object(fields, draw.next()),
            Kind::List(fields) => {
                let count = draw.below(3);
                Json::List((0..count).map(|_| self.object(fields, draw.next())).collect())
            }
            _ if draw.one_in(8) => return None,
            Kind::Set(fields) => self.object(fields, draw.next()),
            Kind::Text => Json::Text(self.text(draw)),
            Kind::LongText => Json::Text(format!("line one\nline \"two\" of {}\r\n", self.number)),
            Kind::Int => Json::Number(draw.between(0, 1_000)),
            Kind::Flag => Json::Bool(draw.one_in(2)),
            Kind::Amount => Json::Money(amount(draw)),
            Kind::Day => Json::Date(day(draw)),
            Kind::When => Json::Time(self.at - SignedDuration::from_secs(draw.between(0, 500_000))),
        })
    }

    fn key(&self, table: &str, number: u64) -> String {
        let seed = mix(self.tenant.seed, salt_of(table));
        let (high, low) = (mix(seed, number), mix(number, seed));
        format!("8a85{:012x}{low:016x}", high >> 16)
    }

    fn text(&self, draw: &mut Draw) -> String {
        match draw.below(10) {
            0 => format!("Zoë 🦊 {}", self.number),
            1 => format!("\"{}\", quoted\t", self.number),
            2 => String::new(),
            _ => format!("{} {}", self.table, self.number),
        }
    }
}

/// Ten digits after the point; now and then more digits than a double holds.
fn amount(draw: &mut Draw) -> String {
    let fraction = draw.below(100);
    match draw.below(8) {
        0 => "0".to_owned(),
        1 => "123456789012345678.1234567891".to_owned(),
        2 => format!("-{}.{fraction:02}00000000", draw.below(5_000)),
        3 => format!("{}", draw.below(100_000)),
        _ => format!("{}.{fraction:02}00000000", draw.below(100_000)),
    }
}

fn day(draw: &mut Draw) -> Date {
    jiff::civil::date(1950, 1, 1).saturating_add((draw.below(30_000) as i64).days())
}
