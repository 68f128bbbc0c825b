//! Draws the cells of a row. Nothing is stored: the same row of the same seed is the same for ever.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Value, json};

use super::awkward::{self, Awkward};
use super::calendar::{DAY, Micros, SECOND};
use super::cell::Cell;
use super::column::{Column, Field, Kind, UNSPECIFIED};
use super::recipe::Recipe;
use super::words;
use crate::draw::{Draw, mix};

/// Business time starts here, whatever the clock says: values follow from the seed alone. 2025-08-18T08:00:00Z.
const TERM_START: Micros = 1_755_504_000 * SECOND;

/// Which writing of a row is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing {
    /// Counts from 1 within the table.
    pub(crate) row: u64,
    /// 0 when the row came to be, one more with every change.
    pub(crate) revision: u32,
    pub(crate) soft_deleted: bool,
}

/// How many rows other tables started with, and how their keys look; references are drawn from it.
pub(crate) trait References {
    /// The key of some row of `table`, chosen by `draw`.
    fn key_in(&self, table: &str, draw: &mut Draw) -> i64;
}

/// Draws cells for one table.
pub(crate) struct Generator<'a> {
    /// Of sandbox and table together.
    pub(crate) seed: u64,
    pub(crate) awkward: &'a [Awkward],
    pub(crate) references: &'a dyn References,
}

impl Generator<'_> {
    /// The value of one column. Values of references, keys and creation stay as they are over all revisions.
    pub(crate) fn cell(&self, column: &Column, writing: Writing) -> Cell {
        let revision = if is_constant(&column.recipe) { 0 } else { writing.revision };
        let row_seed = mix(mix(self.seed, writing.row), u64::from(revision));
        let mut draw = Draw::new(mix(row_seed, column.salt));
        match column.recipe {
            Recipe::Deleted => deleted_at(writing),
            Recipe::Created => Cell::Timestamp(created_at(writing.row)),
            Recipe::Updated => Cell::Timestamp(updated_at(writing)),
            _ if writing.soft_deleted && is_workflow_state(column) => text("deleted"),
            _ if !column.required && draw.one_in(4) => Cell::Null,
            _ => awkward::instead(self.awkward, &column.kind, &mut draw)
                .unwrap_or_else(|| self.ordinary(column, writing, &mut draw)),
        }
    }

    fn ordinary(&self, column: &Column, writing: Writing, draw: &mut Draw) -> Cell {
        match &column.recipe {
            Recipe::Reference(table) => Cell::Int(self.references.key_in(table, draw)),
            Recipe::Grader => Cell::Int(if draw.one_in(3) {
                -draw.between(1, 50)
            } else {
                draw.between(1, 5_000)
            }),
            Recipe::Score | Recipe::Price => hundredths(&column.kind, draw),
            Recipe::Filled => filled(&column.kind, draw),
            recipe => match worded(recipe, draw) {
                Some(words) => Cell::Text(cut(words, &column.kind)),
                None => plain(column, writing, draw),
            },
        }
    }
}

fn is_constant(recipe: &Recipe) -> bool {
    matches!(recipe, Recipe::Reference(_) | Recipe::Created)
}

/// True for a closed enumeration that can say `deleted`.
pub(crate) fn is_workflow_state(column: &Column) -> bool {
    column.name == "workflow_state"
        && matches!(&column.kind, Kind::Enum(values) if values.iter().any(|value| value == "deleted"))
}

fn created_at(row: u64) -> Micros {
    // A row every 1.7 seconds at most: ids and creation rise together, as they do in a real table.
    TERM_START + (row % 8_000_000) as i64 * 1_700 * 1_000
}

fn updated_at(writing: Writing) -> Micros {
    created_at(writing.row) + i64::from(writing.revision) * DAY + 90 * SECOND
}

fn deleted_at(writing: Writing) -> Cell {
    if writing.soft_deleted { Cell::Timestamp(updated_at(writing)) } else { Cell::Null }
}

fn text(value: &'static str) -> Cell {
    Cell::Text(Cow::Borrowed(value))
}

/// Text that uses all the room there is, half of the time.
fn filled(kind: &Kind, draw: &mut Draw) -> Cell {
    let words = if draw.one_in(2) {
        words::sentence(draw).repeat(64)
    } else {
        words::short(draw).to_owned()
    };
    Cell::Text(cut(words.into(), kind))
}

/// Two decimal places, in the type of the column.
fn hundredths(kind: &Kind, draw: &mut Draw) -> Cell {
    let hundredths = draw.between(0, 10_001);
    match kind {
        Kind::Decimal { scale, .. } => Cell::Decimal { unscaled: hundredths, scale: *scale },
        Kind::Float32 => Cell::Float32(hundredths as f32 / 100.0),
        _ => Cell::Float64(hundredths as f64 / 100.0),
    }
}

/// Text of a recipe; none if the recipe asks for what the type suggests.
fn worded(recipe: &Recipe, draw: &mut Draw) -> Option<Cow<'static, str>> {
    Some(match recipe {
        Recipe::Code => words::code(draw).into(),
        Recipe::Currency => Cow::Borrowed(draw.pick(&["USD", "EUR", "GBP", "JPY"])),
        Recipe::Email => words::email(draw).into(),
        Recipe::FileName => words::file_name(draw).into(),
        Recipe::Grade => words::grade(draw),
        Recipe::Html => words::html(draw).into(),
        Recipe::JsonText => some_json(draw).to_string().into(),
        Recipe::Locale => Cow::Borrowed(draw.pick(&["en", "en-GB", "es", "fr-CA", "de", "ja"])),
        Recipe::MimeType => {
            Cow::Borrowed(draw.pick(&["application/pdf", "image/png", "text/html", "video/mp4"]))
        }
        Recipe::Name => words::name(draw).into(),
        Recipe::Sentence => words::sentence(draw).into(),
        Recipe::SortableName => words::sortable_name(draw).into(),
        Recipe::Status => Cow::Borrowed(draw.pick(&["none", "late", "missing", "active"])),
        Recipe::TimeZone => {
            Cow::Borrowed(draw.pick(&["America/Denver", "Europe/London", "Asia/Tokyo"]))
        }
        Recipe::Title => words::title(draw).into(),
        Recipe::Token => words::token(draw).into(),
        Recipe::Url => words::url(draw).into(),
        Recipe::UserAgent => words::user_agent(draw).into(),
        _ => return None,
    })
}

/// What fits into the column, cut between characters.
fn cut(value: Cow<'static, str>, kind: &Kind) -> Cow<'static, str> {
    let (Kind::Text { max_length: Some(max) } | Kind::Oversizable { max_length: Some(max) }) = kind
    else {
        return value;
    };
    // All generated words are ASCII; only then is a byte a character.
    if value.len() <= *max { value } else { value[..*max].to_owned().into() }
}

/// A value that the type suggests.
fn plain(column: &Column, writing: Writing, draw: &mut Draw) -> Cell {
    match &column.kind {
        Kind::Enum(values) => enum_value(column, values, draw),
        Kind::Text { .. } | Kind::Oversizable { .. } => {
            let words = words::short(draw).into();
            Cell::Text(cut(words, &column.kind))
        }
        Kind::Timestamp => {
            Cell::Timestamp(created_at(writing.row) + draw.between(0, 100 * DAY) / 1000 * 1000)
        }
        kind => of_kind(kind, draw),
    }
}

fn enum_value(column: &Column, values: &[String], draw: &mut Draw) -> Cell {
    let excluded = if is_workflow_state(column) { "deleted" } else { UNSPECIFIED };
    let choices: Vec<&String> =
        values.iter().filter(|value| *value != UNSPECIFIED && *value != excluded).collect();
    Cell::Text(draw.pick(&choices).clone().into())
}

fn of_kind(kind: &Kind, draw: &mut Draw) -> Cell {
    match kind {
        Kind::Boolean => Cell::Bool(draw.one_in(2)),
        Kind::Int16 => Cell::Int(draw.between(-100, 1_000)),
        Kind::Int32 => Cell::Int(draw.between(0, 100_000)),
        Kind::Int64 => Cell::Int(draw.between(1, 2_000_000_000_000)),
        Kind::Float32 | Kind::Float64 | Kind::Number | Kind::Decimal { .. } => {
            hundredths(kind, draw)
        }
        Kind::Text { .. } | Kind::Oversizable { .. } => {
            Cell::Text(cut(words::short(draw).into(), kind))
        }
        Kind::Timestamp => Cell::Timestamp(TERM_START + draw.between(0, 100 * DAY)),
        Kind::Date => Cell::Date { days: TERM_START / DAY + draw.between(0, 200) },
        Kind::Time => Cell::Time { micros: draw.between(0, DAY) / SECOND * SECOND },
        Kind::Duration => Cell::Text(duration(draw).into()),
        Kind::Uuid => Cell::Uuid(random_uuid(draw)),
        Kind::Ipv4 => Cell::Text(ipv4(draw).into()),
        Kind::Ipv6 => Cell::Text(ipv6(draw).into()),
        Kind::Inet => Cell::Text(if draw.one_in(4) { ipv6(draw) } else { ipv4(draw) }.into()),
        Kind::Enum(values) | Kind::OpenEnum(values) => {
            Cell::Text(values[1 + draw.below(values.len() as u64 - 1) as usize].clone().into())
        }
        Kind::IntEnum(values) => Cell::Int(draw.pick(values)),
        Kind::Array(item) => Cell::Array((0..draw.below(4)).map(|_| of_kind(item, draw)).collect()),
        Kind::Object(fields) => {
            Cell::Object(fields.iter().map(|field| member(field, draw)).collect())
        }
        Kind::Json => Cell::Json(some_json(draw)),
    }
}

fn member(field: &Field, draw: &mut Draw) -> (String, Cell) {
    let cell = if draw.one_in(2) { Cell::Null } else { of_kind(&field.kind, draw) };
    (field.name.clone(), cell)
}

fn some_json(draw: &mut Draw) -> Value {
    json!({
        "id": draw.between(1, 1_000),
        "label": words::short(draw),
        "weight": draw.between(0, 1_000) as f64 / 8.0,
        "flags": [draw.one_in(2), null_or_text(draw)],
    })
}

fn null_or_text(draw: &mut Draw) -> Value {
    if draw.one_in(2) { Value::Null } else { Value::from(words::short(draw)) }
}

fn duration(draw: &mut Draw) -> String {
    format!("PT{}H{}M{}S", draw.below(24), draw.below(60), draw.below(60))
}

/// A version 4 UUID.
pub(crate) fn random_uuid(draw: &mut Draw) -> u128 {
    let bits = u128::from(draw.next()) << 64 | u128::from(draw.next());
    bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62
}

fn ipv4(draw: &mut Draw) -> String {
    let octets = draw.next().to_le_bytes();
    format!("{}.{}.{}.{}", octets[0], octets[1], octets[2], octets[3])
}

fn ipv6(draw: &mut Draw) -> String {
    let mut out = String::from("2001:db8");
    for _ in 0..6 {
        write!(out, ":{:x}", 1 + draw.below(0xffff)).expect("writing to a String cannot fail");
    }
    out
}
