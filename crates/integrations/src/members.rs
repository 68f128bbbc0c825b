//! The members that an action reads, from the type that it reads them into: what a definition gives beyond them is refused
//! before anything runs.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// Names of members, as they are on the wire.
pub type Members = Vec<&'static str>;

/// Those that `T` reads: its fields, other names of them included.
pub(crate) fn members_of<T: DeserializeOwned>() -> Members {
    let mut asked = Asked(Vec::new());
    // It fails by design, once it was asked.
    let _ = T::deserialize(&mut asked);
    asked.0
}

/// Has no data, and keeps which fields it was asked for.
struct Asked(Members);

impl<'de> Deserializer<'de> for &mut Asked {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.0 = fields.to_vec();
        Err(Error::custom("nothing to read"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing to read"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only its names are asked for")]
    struct Request {
        queue_url: Option<String>,
        #[serde(rename = "ClientRequestToken")]
        token: Option<String>,
    }

    #[test]
    fn a_structure_tells_its_members() {
        assert_eq!(members_of::<Request>(), ["QueueUrl", "ClientRequestToken"]);
        assert!(members_of::<Vec<String>>().is_empty());
    }
}
