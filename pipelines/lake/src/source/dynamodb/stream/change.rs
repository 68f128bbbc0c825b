//! A change of an item as DynamoDB writes it to a Kinesis stream, and when it happened.
//!
//! ```json
//! {"eventID": "7f0e…", "eventName": "MODIFY", "tableName": "orders", "eventSource": "aws:dynamodb",
//!  "dynamodb": {"ApproximateCreationDateTime": 1700000000123456, "ApproximateCreationDateTimePrecision": "MICROSECOND",
//!               "Keys": {"pk": {"S": "o#1"}}, "NewImage": {…}, "OldImage": {…}}}
//! ```

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Number;
use sha2::{Digest as _, Sha256};

use super::super::attribute::Item;

/// When a change happened, as exactly as the stream says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Microseconds since 1970.
    pub(super) micros: i64,
    /// Microseconds in one tick of the clock it was taken from: 1, 1,000 or 1,000,000.
    pub(super) tick: i64,
}

impl Stamp {
    /// The order of two changes of one item; equal where the coarser clock cannot tell.
    pub(super) fn order(self, other: Self) -> Ordering {
        let tick = self.tick.max(other.tick);
        self.micros.div_euclid(tick).cmp(&other.micros.div_euclid(tick))
    }

    /// By the field that says the unit, else by the number of digits: 10 are seconds, 13 milliseconds, 16 microseconds.
    fn read(value: &Number, precision: Option<&str>) -> Result<Self, String> {
        let whole = value
            .as_i64()
            .or_else(|| value.as_f64().filter(|it| it.fract() == 0.0).map(|it| it as i64));
        let whole = whole
            .filter(|it| *it >= 0)
            .ok_or_else(|| format!("the time `{value}` is no whole number"))?;
        let tick = match (precision, whole.checked_ilog10().map_or(1, |it| it + 1)) {
            (Some("MICROSECOND"), _) | (None, 16) => 1,
            (Some("MILLISECOND"), _) | (None, 13) => 1_000,
            (Some("SECOND"), _) | (None, 10) => 1_000_000,
            (Some(other), _) => {
                return Err(format!("the precision `{other}` of the time is not known"));
            }
            (None, digits) => {
                return Err(format!(
                    "the time `{value}` has {digits} digits; 10 are seconds, 13 milliseconds, 16 microseconds"
                ));
            }
        };
        let micros = whole.checked_mul(tick).filter(|it| Timestamp::from_microsecond(*it).is_ok());
        micros
            .map(|micros| Self { micros, tick })
            .ok_or_else(|| format!("the time `{value}` is beyond the year 9999"))
    }
}

/// What an item was, as far as it is known: its canonical JSON, absent, or not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Image {
    Present(String),
    Absent,
    NotTold,
}

impl Image {
    fn of(item: Option<&Item<'_>>, or: Self) -> Self {
        item.map_or(or, |item| Self::Present(item.typed_json()))
    }

    /// Short, and equal for equal images; none for one that is not told.
    pub(super) fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Present(json) => Some(hex::encode(&Sha256::digest(json)[..16])),
            Self::Absent => Some("absent".to_owned()),
            Self::NotTold => None,
        }
    }
}

/// A change of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) table: String,
    /// Canonical JSON of the key.
    pub(super) key: String,
    pub(super) stamp: Stamp,
    /// Unique, where the record says it.
    pub(super) event_id: Option<String>,
    pub(super) before: Image,
    pub(super) after: Image,
    /// Deleted by DynamoDB, because the time to live was over.
    pub(super) expired: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    event_name: Option<String>,
    table_name: Option<String>,
    user_identity: Option<UserIdentity>,
    #[serde(borrow)]
    dynamodb: Option<Body<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    #[serde(rename = "type")]
    kind: Option<String>,
    principal_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    approximate_creation_date_time: Option<Number>,
    approximate_creation_date_time_precision: Option<String>,
    #[serde(borrow)]
    keys: Option<Item<'a>>,
    #[serde(borrow)]
    new_image: Option<Item<'a>>,
    #[serde(borrow)]
    old_image: Option<Item<'a>>,
}

impl Change {
    /// Reads the data of a Kinesis record.
    ///
    /// # Errors
    /// Why it is none: it will be none however often it is read.
    pub(super) fn read(data: &[u8]) -> Result<Self, String> {
        let envelope: Envelope<'_> = serde_json::from_slice(data)
            .map_err(|error| format!("no change record of DynamoDB: {error}"))?;
        let body = envelope.dynamodb.ok_or("there is no `dynamodb`")?;
        let keys = body.keys.filter(|it| !it.0.is_empty()).ok_or("there are no `Keys`")?;
        let time = body
            .approximate_creation_date_time
            .ok_or("there is no `ApproximateCreationDateTime`")?;
        let stamp = Stamp::read(&time, body.approximate_creation_date_time_precision.as_deref())?;
        let (before, after) = match envelope.event_name.as_deref() {
            Some("INSERT") => (Image::Absent, Image::of(body.new_image.as_ref(), Image::NotTold)),
            Some("MODIFY") => (
                Image::of(body.old_image.as_ref(), Image::NotTold),
                Image::of(body.new_image.as_ref(), Image::NotTold),
            ),
            Some("REMOVE") => (Image::of(body.old_image.as_ref(), Image::NotTold), Image::Absent),
            Some(other) => {
                return Err(format!(
                    "the event `{other}` is not known; there are INSERT, MODIFY and REMOVE"
                ));
            }
            None => return Err("there is no `eventName`".to_owned()),
        };
        if after == Image::NotTold {
            return Err("there is no `NewImage`".to_owned());
        }
        Ok(Self {
            table: envelope.table_name.ok_or("there is no `tableName`")?,
            key: keys.typed_json(),
            stamp,
            event_id: envelope.event_id,
            before,
            expired: after == Image::Absent
                && envelope.user_identity.is_some_and(|it| it.is_time_to_live()),
            after,
        })
    }
}

impl UserIdentity {
    fn is_time_to_live(&self) -> bool {
        self.kind.as_deref() == Some("Service")
            && self.principal_id.as_deref() == Some("dynamodb.amazonaws.com")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record() -> Value {
        json!({"awsRegion": "eu-west-1", "eventID": "e-1", "eventName": "MODIFY", "userIdentity": null,
            "recordFormat": "application/json", "tableName": "orders", "eventSource": "aws:dynamodb", "dynamodb": {
                "ApproximateCreationDateTime": 1_700_000_000_123_456_i64, "Keys": {"pk": {"S": "o#1"}},
                "NewImage": {"qty": {"N": "3.0"}, "pk": {"S": "o#1"}}, "OldImage": {"pk": {"S": "o#1"}, "qty": {"N": "2"}},
                "SizeBytes": 38, "ApproximateCreationDateTimePrecision": "MICROSECOND"}})
    }

    fn read(record: &Value) -> Result<Change, String> {
        Change::read(record.to_string().as_bytes())
    }

    #[test]
    fn what_is_no_change_is_refused_with_its_reason() {
        let cases: [(&str, Value, &str); 8] = [
            ("/eventName", json!("UPSERT"), "the event `UPSERT` is not known"),
            ("/eventName", Value::Null, "there is no `eventName`"),
            ("/tableName", Value::Null, "there is no `tableName`"),
            ("/dynamodb", Value::Null, "there is no `dynamodb`"),
            ("/dynamodb/Keys", json!({}), "there are no `Keys`"),
            ("/dynamodb/NewImage", Value::Null, "there is no `NewImage`"),
            ("/dynamodb/NewImage", json!({"a": {"N": 1}}), "no change record of DynamoDB"),
            (
                "/dynamodb/ApproximateCreationDateTime",
                Value::Null,
                "there is no `ApproximateCreationDateTime`",
            ),
        ];
        for (pointer, value, reason) in cases {
            let mut record = record();
            *record.pointer_mut(pointer).unwrap() = value;
            let refusal = read(&record).unwrap_err();
            assert!(refusal.contains(reason), "{pointer}: {refusal}");
        }
        assert!(Change::read(b"\xff\xfe").is_err());
    }

    #[test]
    fn a_change_has_canonical_images() {
        let change = read(&record()).unwrap();
        assert_eq!(change.key, r#"{"pk":{"S":"o#1"}}"#);
        assert_eq!(change.after, Image::Present(r#"{"pk":{"S":"o#1"},"qty":{"N":"3"}}"#.into()));
        assert_eq!(change.stamp, Stamp { micros: 1_700_000_000_123_456, tick: 1 });
        assert!(!change.expired);
    }

    #[test]
    fn a_deletion_by_time_to_live_is_told_from_others() {
        let mut record = record();
        record["eventName"] = json!("REMOVE");
        record["userIdentity"] =
            json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
        assert!(read(&record).unwrap().expired);
        record["userIdentity"] = json!({"type": "Service", "principalId": "somebody.else"});
        assert!(!read(&record).unwrap().expired);
    }

    #[test]
    fn the_unit_of_a_time_is_what_the_record_says_or_its_digits() {
        let stamp = |value: Value, precision| {
            Stamp::read(value.as_number().unwrap(), precision).map(|it| (it.micros, it.tick))
        };
        let ms = 1_700_000_000_123_i64;
        let cases = [
            (json!(1_700_000_000), None, (1_700_000_000_000_000, 1_000_000)),
            (json!(1.7e9), None, (1_700_000_000_000_000, 1_000_000)),
            (json!(ms), None, (ms * 1_000, 1_000)),
            (json!(ms), Some("MILLISECOND"), (ms * 1_000, 1_000)),
            (json!(ms * 1_000 + 456), None, (ms * 1_000 + 456, 1)),
            (json!(ms * 1_000 + 456), Some("MICROSECOND"), (ms * 1_000 + 456, 1)),
            // An early time has fewer digits; the field counts.
            (json!(5), Some("MILLISECOND"), (5_000, 1_000)),
        ];
        for (value, precision, expected) in cases {
            assert_eq!(stamp(value.clone(), precision), Ok(expected), "{value} {precision:?}");
        }
        assert!(stamp(json!(170_000_000_012_i64), None).unwrap_err().contains("has 12 digits"));
        assert!(stamp(json!(ms), Some("NANOSECOND")).unwrap_err().contains("`NANOSECOND`"));
        assert!(
            stamp(json!(ms * 1_000), Some("MILLISECOND"))
                .unwrap_err()
                .contains("beyond the year 9999")
        );
        assert!(stamp(json!(1.5), None).unwrap_err().contains("no whole number"));
    }

    #[test]
    fn the_coarser_clock_decides_what_is_equal() {
        let at = |micros, tick| Stamp { micros, tick };
        assert_eq!(at(1_000_400, 1).order(at(1_000_000, 1_000)), Ordering::Equal);
        assert_eq!(at(1_000_400, 1).order(at(1_000_401, 1)), Ordering::Less);
        assert_eq!(at(1_001_000, 1_000).order(at(1_000_999, 1)), Ordering::Greater);
    }
}
