//! Items out of the bytes of one object: JSON, JSON lines, CSV and Parquet.
//!
//! Every function gives its items to `take` one by one and stops when that says that nobody wants more.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use crate::objects::{Bytes, Objects};

/// Takes an item; false if nobody wants more.
pub(crate) type Take<'a> = &'a mut dyn FnMut(Value) -> bool;

/// What AWS says of JSON without items in it.
const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";

/// The end of a walk that nobody follows any more.
const ENOUGH: &str = "enough items";

/// The elements of the array that a JSON pointer names.
pub(crate) fn json(bytes: Bytes, pointer: &str, take: Take<'_>) -> Result<(), String> {
    let path: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut found = false;
    let walk = Walk { path: &path, take, found: &mut found };
    let result = walk.deserialize(&mut serde_json::Deserializer::from_reader(bytes));
    match result {
        Ok(()) if found => Ok(()),
        Ok(()) => Err(NOT_ITERABLE.to_owned()),
        Err(error) if error.to_string().starts_with(ENOUGH) => Ok(()),
        Err(error) if error.to_string().starts_with(NOT_ITERABLE) => Err(NOT_ITERABLE.to_owned()),
        Err(error) => Err(format!("Attempting to parse invalid JSON: {error}")),
    }
}

/// Walks to an array without holding what is around it, nor the array.
struct Walk<'p, 't> {
    path: &'p [String],
    take: Take<'t>,
    found: &'t mut bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !self.path.is_empty() {
            return Err(A::Error::custom(NOT_ITERABLE));
        }
        *self.found = true;
        while let Some(item) = items.next_element()? {
            if !(self.take)(item) {
                return Err(A::Error::custom(ENOUGH));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Walk { path, take, found } = self;
        let Some((name, rest)) = path.split_first() else {
            return Err(A::Error::custom(NOT_ITERABLE));
        };
        while let Some(field) = fields.next_key::<String>()? {
            if field == *name {
                fields.next_value_seed(Walk {
                    path: rest,
                    take: &mut *take,
                    found: &mut *found,
                })?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(E::custom(NOT_ITERABLE))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.visit_unit()
    }
}

/// One item in each line.
pub(crate) fn json_lines(bytes: Bytes, take: Take<'_>) -> Result<(), String> {
    for item in serde_json::Deserializer::from_reader(bytes).into_iter() {
        let item = item.map_err(|error| format!("Attempting to parse invalid JSON: {error}"))?;
        if !take(item) {
            break;
        }
    }
    Ok(())
}

/// How CSV is written.
#[derive(Debug)]
pub(crate) struct Csv {
    pub(crate) delimiter: u8,
    /// The names of the columns; nothing if the first record has them.
    pub(crate) headers: Option<Vec<String>>,
}

/// An object of texts for each record. As recorded, what is missing is an empty text, and what is too much is dropped.
pub(crate) fn csv(bytes: Bytes, form: &Csv, take: Take<'_>) -> Result<(), String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(form.delimiter)
        .from_reader(bytes);
    let mut record = csv::StringRecord::new();
    let mut read = |record: &mut csv::StringRecord| {
        reader
            .read_record(record)
            .map_err(|error| format!("Attempting to parse invalid CSV: {error}"))
    };
    let headers = match &form.headers {
        Some(headers) => headers.clone(),
        None if read(&mut record)? => record.iter().map(str::to_owned).collect(),
        None => return Ok(()),
    };
    let mut names = HashSet::new();
    if !headers.iter().all(|header| names.insert(header.as_str())) {
        return Err("CSV headers cannot contain duplicates.".to_owned());
    }
    let order = order(&headers);
    while read(&mut record)? {
        let field = |index: &usize| {
            let text = record.get(*index).unwrap_or_default();
            (headers[*index].clone(), Value::from(text))
        };
        let item: Map<String, Value> = order.iter().map(field).collect();
        if !take(Value::Object(item)) {
            break;
        }
    }
    Ok(())
}

/// The order of the columns in an item. As recorded, AWS has that of a Java `HashMap`: by the low bits of the hash of the
/// name, as many as the table of so many names has.
fn order(headers: &[String]) -> Vec<usize> {
    const CAPACITY_MIN: usize = 16;
    let mut capacity = CAPACITY_MIN;
    while headers.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    let bucket = |index: &usize| {
        let hash = |hash: u32, unit: u16| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
        let hash = headers[*index].encode_utf16().fold(0, hash);
        (hash ^ (hash >> 16)) as usize & (capacity - 1)
    };
    let mut order: Vec<usize> = (0..headers.len()).collect();
    order.sort_by_key(bucket);
    order
}

/// An object for each row, its columns as `arrow` writes them in JSON.
pub(crate) fn parquet(
    objects: &Objects,
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    take: Take<'_>,
) -> Result<(), String> {
    let text = |error: &dyn fmt::Display| format!("Attempting to parse invalid Parquet: {error}");
    // The footer is at the end, so the whole file is fetched; its row groups are unpacked one by one.
    let bytes = objects.runtime.block_on(async {
        let mut parts = store.get(path).await?.into_stream();
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part?);
        }
        Ok::<_, object_store::Error>(bytes::Bytes::from(bytes))
    });
    let bytes = bytes.map_err(|error| error.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| text(&error))?;
    for batch in reader.build().map_err(|error| text(&error))? {
        let batch = batch.map_err(|error| text(&error))?;
        let mut writer = arrow::json::ArrayWriter::new(Vec::new());
        writer.write(&batch).and_then(|()| writer.finish()).map_err(|error| text(&error))?;
        let rows: Vec<Value> =
            serde_json::from_slice(&writer.into_inner()).map_err(|error| text(&error))?;
        for row in rows {
            if !take(row) {
                return Ok(());
            }
        }
    }
    Ok(())
}
