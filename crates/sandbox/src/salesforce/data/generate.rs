//! Made records: spread over thirty days, a block of them with one and the same stamp, and values that trouble readers.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::json;

use super::schema::{Field, Object, objects};
use super::{Cell, Organization, Table};
use crate::draw::{Draw, mix, salt_of};
use crate::salesforce::Options;

/// Seeded records lie in so many days before the clock's start.
const DAYS: i64 = 30;
const DAY_MILLIS: i64 = 24 * 3_600_000;
/// One record in so many was deleted.
const DELETED_EVERY: u64 = 23;

/// Makes all data. `now` is in milliseconds.
pub(crate) fn populate(options: &Options, now: i64) -> Organization {
    let tables = objects().into_iter().map(|object| table(object, options, now)).collect();
    let mut organization = Organization { tables };
    organization.purge(now);
    organization
}

fn table(object: Object, options: &Options, now: i64) -> Table {
    let records = match object.name {
        "Account" | "Contact" | "Invoice__c" => options.records,
        "Opportunity" => options.records / 2,
        "Event" | "LoginHistory" => options.records / 5,
        "ContentDocumentLink" => options.records.min(10),
        _ => options.records.min(4),
    };
    let mut table = Table::new(object, mix(options.seed, 0x5a1e));
    let start = now - DAYS * DAY_MILLIS;
    let batch = records / 4..records / 4 + options.equal_stamps.min(records / 2);
    let mut ids = Vec::with_capacity(records);
    for place in 0..records {
        // In the block, everybody has the stamp of its first.
        let place = if batch.contains(&place) { batch.start } else { place };
        let at = start + DAYS * DAY_MILLIS * place as i64 / records as i64;
        let at = at - at.rem_euclid(1_000);
        ids.push((table.insert(at), at));
    }
    for (number, (id, at)) in ids.into_iter().enumerate() {
        if number as u64 % DELETED_EVERY == DELETED_EVERY - 1 {
            table.delete(&id, at);
        }
    }
    table
}

/// The values of a record: they follow from the seed, its number and its revision.
pub(super) fn cells(
    object: &Object,
    seed: u64,
    number: u64,
    revision: u64,
    id: &str,
    at: i64,
) -> Vec<Cell> {
    let salt = mix(salt_of(object.name), mix(number, revision));
    let cell = |field: &Field| {
        let mut draw = Draw::new(mix(mix(seed, salt_of(field.name)), salt));
        match field.name {
            "Id" => Cell::Text(id.to_owned()),
            "IsDeleted" => Cell::Bool(false),
            "CreatedDate" | "LastModifiedDate" | "SystemModstamp" | "LoginTime" => Cell::Time(at),
            "IsArchived" => Cell::Bool(number.is_multiple_of(2)),
            // Whatever describe says: old records have no name.
            "Name" if number % 97 == 13 => Cell::Null,
            _ => value(field, number, &mut draw),
        }
    };
    object.fields.iter().map(cell).collect()
}

fn value(field: &Field, number: u64, draw: &mut Draw) -> Cell {
    if field.nillable && draw.one_in(7) {
        return Cell::Null;
    }
    match field.kind {
        "boolean" => Cell::Bool(draw.one_in(2)),
        "int" | "long" => Cell::Number(integer(field, draw)),
        "double" | "currency" | "percent" => Cell::Number(decimal(field, draw)),
        "date" => Cell::Date(date(draw)),
        "datetime" => Cell::Time(1_700_000_000_000 + draw.below(60_000_000) as i64 * 1_000),
        "time" => Cell::Text(format!("{:02}:{:02}:00.000Z", draw.below(24), draw.below(60))),
        "reference" => reference(field, draw),
        "address" => {
            Cell::Compound(json!({"city": "Ulm", "street": "Hafenbad 1", "country": null}))
        }
        "location" => Cell::Compound(json!({"latitude": 48.4011, "longitude": 9.9876})),
        "picklist" | "combobox" => {
            Cell::Text(draw.pick(&["New", "Open", "Won", "Lost"]).to_owned())
        }
        "multipicklist" => Cell::Text("North;South".to_owned()),
        "email" => Cell::Text(format!("person{number}@acme.example")),
        "url" => Cell::Text(format!("https://acme.example/{number}?a=\"b\"")),
        "phone" => Cell::Text(format!("+49 731 {:06}", draw.below(1_000_000))),
        "base64" => Cell::Text(format!("/services/data/v60.0/sobjects/blob/{number}")),
        "textarea" => Cell::Text(long_text(number, draw)),
        _ => Cell::Text(short_text(field, number, draw)),
    }
}

/// Now and then as large as the type allows.
fn integer(field: &Field, draw: &mut Draw) -> String {
    match (field.kind, draw.below(9)) {
        (_, 0) => "0".to_owned(),
        ("long", 1) => i64::MAX.to_string(),
        ("int", 1) => i32::MIN.to_string(),
        _ => draw.between(-5_000, 500_000).to_string(),
    }
}

/// Now and then with as many digits as the field has, which is more than a double holds.
fn decimal(field: &Field, draw: &mut Draw) -> String {
    let (scale, digits) = (field.scale as usize, (field.precision - field.scale) as usize);
    let whole = match draw.below(9) {
        0 => "9".repeat(digits),
        1 => "0".to_owned(),
        _ => draw.below(10_u64.pow(digits.min(6) as u32)).to_string(),
    };
    let sign = if draw.one_in(5) && whole != "0" { "-" } else { "" };
    if scale == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = draw.below(10_u64.pow(field.scale));
    format!("{sign}{whole}.{fraction:0scale$}")
}

fn date(draw: &mut Draw) -> Date {
    if draw.one_in(40) {
        // Long before 1970, where calendars that count days go astray.
        return jiff::civil::date(1700, 12, 31);
    }
    jiff::civil::date(2020, 1, 1).saturating_add((draw.below(2_500) as i64).days())
}

fn reference(field: &Field, draw: &mut Draw) -> Cell {
    let prefix = match field.reference_to {
        ["Account"] => "001",
        ["Contact"] => "003",
        _ => "005",
    };
    Cell::Text(super::id::id(prefix, 1 + draw.below(100)))
}

fn short_text(field: &Field, number: u64, draw: &mut Draw) -> String {
    match draw.below(12) {
        // NUL: it reaches the results and breaks readers of CSV.
        0 => format!("{}\u{0} {number}", field.name),
        1 => format!("\"{number}\", quoted"),
        2 => format!("Zoë 🦊 {number}"),
        3 => "null".to_owned(),
        _ => format!("{} {number}", field.name),
    }
}

fn long_text(number: u64, draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => format!("first line of {number}\nsecond, with \"quotes\"\n\nlast"),
        1 => format!("carriage\r\nreturns {number}"),
        _ => format!("plain {number}"),
    }
}
