//! The lines of a data file: an item, or the last change of an item.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::attribute::{Attribute, Item};
use super::super::decode::{Change, Decoder};
use super::ion;
use super::manifest::{ExportType, OutputFormat};

/// How lines are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) format: OutputFormat,
    pub(super) kind: ExportType,
    /// What is said of the items of a full export.
    pub(super) state_at: Option<Timestamp>,
}

/// `{"Item": {"pk": {"S": "o#1"}}}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FullLine<'a> {
    #[serde(borrow)]
    item: Item<'a>,
}

/// `{"Metadata": {"WriteTimestampMicros": {"N": "…"}}, "Keys": {…}, "NewImage": {…}}`; no new image: a deletion.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IncrementalLine<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    keys: Item<'a>,
    #[serde(borrow)]
    new_image: Option<Item<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    write_timestamp_micros: Micros<'a>,
}

/// The documentation shows both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Micros<'a> {
    Bare(i64),
    Typed {
        #[serde(rename = "N", borrow)]
        digits: Cow<'a, str>,
    },
}

impl Lines {
    /// Adds what a line says; false if it says nothing (the version marker of Ion).
    pub(super) fn push(
        &self,
        decoder: &mut Decoder,
        line: &[u8],
        place: &dyn std::fmt::Display,
    ) -> bool {
        let record = || String::from_utf8_lossy(line).into_owned();
        match self.parse(line) {
            Ok(Some((item, change))) => decoder.push(&item, change, place, record),
            Ok(None) => return false,
            Err(reason) => decoder.reject(place, reason, record()),
        }
        true
    }

    fn parse<'a>(&self, line: &'a [u8]) -> Result<Option<(Item<'a>, Change)>, String> {
        let told = |error: serde_json::Error| error.to_string();
        match (self.format, self.kind) {
            (OutputFormat::DynamodbJson, ExportType::FullExport) => {
                let line: FullLine<'_> = serde_json::from_slice(line).map_err(told)?;
                Ok(Some((line.item, self.state())))
            }
            (OutputFormat::DynamodbJson, ExportType::IncrementalExport) => {
                let line: IncrementalLine<'_> = serde_json::from_slice(line).map_err(told)?;
                let micros = line.metadata.write_timestamp_micros.value()?;
                Ok(Some(change(micros, line.keys, line.new_image)))
            }
            (OutputFormat::Ion, kind) => {
                let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
                let Some(line) = ion::read(text)? else { return Ok(None) };
                self.of_ion(kind, line).map(Some)
            }
        }
    }

    fn of_ion<'a>(&self, kind: ExportType, line: Item<'a>) -> Result<(Item<'a>, Change), String> {
        let [mut item, mut metadata, mut keys, mut new_image] = [const { None }; 4];
        for (name, value) in line.0 {
            match name.as_ref() {
                "Item" => item = Some(value),
                "Metadata" => metadata = Some(value),
                "Keys" => keys = Some(value),
                "NewImage" => new_image = Some(value),
                _ => {}
            }
        }
        if kind == ExportType::FullExport {
            return Ok((members(item, "Item")?, self.state()));
        }
        let metadata = members(metadata, "Metadata")?;
        let micros = match metadata.get("WriteTimestampMicros") {
            Some(Attribute::N(digits)) => micros(digits)?,
            _ => return Err("there is no `WriteTimestampMicros`".to_owned()),
        };
        let new_image = new_image.map(|it| members(Some(it), "NewImage")).transpose()?;
        Ok(change(micros, members(keys, "Keys")?, new_image))
    }

    fn state(&self) -> Change {
        Change { changed_at: self.state_at.map(Timestamp::as_microsecond), ..Change::default() }
    }
}

impl Micros<'_> {
    fn value(&self) -> Result<i64, String> {
        match self {
            Self::Bare(micros) => Ok(*micros),
            Self::Typed { digits } => micros(digits),
        }
    }
}

fn micros(digits: &str) -> Result<i64, String> {
    digits
        .parse()
        .map_err(|_| format!("`WriteTimestampMicros` is `{digits}`, no number of microseconds"))
}

fn change<'a>(micros: i64, keys: Item<'a>, new_image: Option<Item<'a>>) -> (Item<'a>, Change) {
    let deleted = new_image.is_none();
    (new_image.unwrap_or(keys), Change { changed_at: Some(micros), deleted, expired: false })
}

fn members<'a>(value: Option<Attribute<'a>>, name: &str) -> Result<Item<'a>, String> {
    match value {
        Some(Attribute::M(item)) => Ok(item),
        _ => Err(format!("there is no `{name}` with attributes")),
    }
}
