//! Values that real data holds and that replicas stumble over; each is asked for by name.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::calendar::{DAY, SECOND};
use super::cell::Cell;
use super::column::{Kind, OVERSIZED, UNSPECIFIED};
use crate::draw::Draw;

/// One kind of awkward value. About one in sixteen values of a fitting column becomes awkward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awkward {
    /// `""`, which is not null.
    EmptyText,
    /// Tabs, line breaks, backslashes, quotes, and the two characters `\N`.
    ControlText,
    /// Characters outside the basic plane, combining marks, right-to-left text.
    Emoji,
    /// The text `NULL`, which is not null.
    NullWord,
    /// Text of 100,000 characters where the column has no limit.
    LongText,
    /// `\u0000` inside a JSON value, which PostgreSQL's `jsonb` cannot hold.
    NulInJson,
    /// `NaN`, `Infinity` and `-Infinity`.
    NonFiniteFloat,
    /// Years beyond 9999.
    FarTimestamp,
    /// Years before 1.
    AncientTimestamp,
    /// A value outside the list of an open enumeration.
    OpenEnumOutsider,
    /// The sentinel `__dap_unspecified__` of an enumeration.
    UnspecifiedEnum,
    /// The sentinel `__dap_oversized_truncated__`.
    OversizedSentinel,
}

impl Awkward {
    /// All of them.
    pub fn all() -> BTreeSet<Self> {
        [
            Self::EmptyText,
            Self::ControlText,
            Self::Emoji,
            Self::NullWord,
            Self::LongText,
            Self::NulInJson,
            Self::NonFiniteFloat,
            Self::FarTimestamp,
            Self::AncientTimestamp,
            Self::OpenEnumOutsider,
            Self::UnspecifiedEnum,
            Self::OversizedSentinel,
        ]
        .into()
    }

    /// An awkward value of this kind for a column of this type; none where the two do not meet.
    fn cell(self, kind: &Kind, draw: &mut Draw) -> Option<Cell> {
        match (self, kind) {
            (Self::EmptyText, Kind::Text { .. } | Kind::Oversizable { .. }) => Some(text("")),
            (Self::ControlText, Kind::Text { max_length } | Kind::Oversizable { max_length }) => {
                bounded(draw.pick(&CONTROL_TEXTS), *max_length)
            }
            (Self::Emoji, Kind::Text { max_length } | Kind::Oversizable { max_length }) => {
                bounded(draw.pick(&WIDE_TEXTS), *max_length)
            }
            (Self::NullWord, Kind::Text { max_length } | Kind::Oversizable { max_length }) => {
                bounded("NULL", *max_length)
            }
            (
                Self::LongText,
                Kind::Text { max_length: None } | Kind::Oversizable { max_length: None },
            ) => {
                // Rarer than the rest: these rows would otherwise make up nearly all of the data.
                draw.one_in(64).then(|| Cell::Text("long ".repeat(20_000).into()))
            }
            (Self::NulInJson, Kind::Json) => Some(Cell::Json(json!({"note": "a\u{0}b"}))),
            (Self::NonFiniteFloat, Kind::Float64) => {
                Some(Cell::Float64(draw.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])))
            }
            (Self::NonFiniteFloat, Kind::Float32) => {
                Some(Cell::Float32(draw.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY])))
            }
            (Self::FarTimestamp, Kind::Timestamp) => {
                Some(Cell::Timestamp(253_402_300_800 * SECOND + draw.between(0, 4_000_000) * DAY))
            }
            (Self::AncientTimestamp, Kind::Timestamp) => {
                Some(Cell::Timestamp(-62_167_219_200 * SECOND - draw.between(1, 700_000) * DAY))
            }
            (Self::OpenEnumOutsider, Kind::OpenEnum(_)) => {
                Some(Cell::Text(format!("outsider-{}", draw.below(5)).into()))
            }
            (Self::UnspecifiedEnum, Kind::Enum(values) | Kind::OpenEnum(values)) => {
                values.iter().any(|value| value == UNSPECIFIED).then(|| text(UNSPECIFIED))
            }
            (Self::OversizedSentinel, Kind::Oversizable { .. }) => Some(text(OVERSIZED)),
            _ => None,
        }
    }
}

const CONTROL_TEXTS: [&str; 8] = [
    "tab\there",
    "line\nbreak",
    "carriage\r\nreturn",
    "back\\slash\\n",
    "\\N",
    "say \"hello\", 'world'",
    "\u{8}\u{c}\u{b}",
    "\n",
];

const WIDE_TEXTS: [&str; 4] =
    ["🎓 Ünïcödé 👩‍🔬", "日本語テキスト", "שלום עולם", "e\u{301}\u{200b}\u{feff}"];

fn text(value: &'static str) -> Cell {
    Cell::Text(Cow::Borrowed(value))
}

/// The text if it fits.
fn bounded(value: &'static str, max_length: Option<usize>) -> Option<Cell> {
    max_length.is_none_or(|max| value.chars().count() <= max).then(|| text(value))
}

/// An awkward value in place of an ordinary one, now and then.
pub(crate) fn instead(wanted: &[Awkward], kind: &Kind, draw: &mut Draw) -> Option<Cell> {
    if wanted.is_empty() || !draw.one_in(16) {
        return None;
    }
    // Start anywhere in the list, so that every kind gets its turn, and take the first that fits.
    let start = draw.below(wanted.len() as u64) as usize;
    (0..wanted.len()).find_map(|offset| wanted[(start + offset) % wanted.len()].cell(kind, draw))
}
