//! The checksums that S3 keeps of objects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Digest, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use stepwell_aws_wire::ServiceError;

type Fast = Table<16>;

static CRC32: Crc<u32, Fast> = Crc::<u32, Fast>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Fast> = Crc::<u32, Fast>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Fast> = Crc::<u64, Fast>::new(&CRC_64_NVME);

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// `CRC32`, as requests name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// `ChecksumCRC32`
    pub(super) fn member(self) -> String {
        format!("Checksum{}", self.name())
    }

    pub(super) fn parse(name: &str) -> Result<Self, ServiceError> {
        let found = Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let message = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]";
            ServiceError::sender("InvalidRequest", message)
        })
    }

    /// Whether objects in parts have the checksum of their parts' checksums, if nobody says otherwise.
    fn is_composite(self) -> bool {
        self != Self::Crc64nvme
    }
}

/// A checksum that is kept with an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// In base64; of parts with their number: `hnEfWw==-2`.
    pub(super) value: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Kind {
    FullObject,
    Composite,
}

impl Kind {
    /// What a request says, or what the algorithm has.
    pub(super) fn of(text: Option<&str>, algorithm: Algorithm) -> Result<Self, ServiceError> {
        match text {
            None | Some("COMPOSITE") if algorithm.is_composite() => Ok(Self::Composite),
            None | Some("FULL_OBJECT") => Ok(Self::FullObject),
            Some(other) => {
                let name = algorithm.name();
                let message = format!(
                    "The {other} checksum type cannot be used with the {name} checksum algorithm."
                );
                Err(ServiceError::sender("InvalidRequest", message))
            }
        }
    }
}

impl Checksum {
    /// Of a whole object.
    pub(super) fn full(algorithm: Algorithm, digest: &[u8]) -> Self {
        Self { algorithm, value: STANDARD.encode(digest), kind: Kind::FullObject }
    }

    /// Of the checksums of parts.
    pub(super) fn composite(algorithm: Algorithm, parts: &[Vec<u8>]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        for part in parts {
            hasher.update(part);
        }
        let value = format!("{}-{}", STANDARD.encode(hasher.finish()), parts.len());
        Self { algorithm, value, kind: Kind::Composite }
    }

    /// The bytes of a checksum that is not composite.
    pub(super) fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.value).unwrap_or_default()
    }

    /// Puts the members into an answer: `ChecksumCRC32` and `ChecksumType`.
    pub(super) fn tell(&self, answer: &mut Value) {
        answer[self.algorithm.member()] = self.value.clone().into();
        answer["ChecksumType"] =
            serde_json::to_value(self.kind).expect("a type of checksums is text");
    }
}

/// Takes the checksum out of the members of a request: the algorithm, and the value that is expected.
pub(super) fn take(
    input: &mut Map<String, Value>,
) -> Result<Option<(Algorithm, Option<String>)>, ServiceError> {
    let named = input.shift_remove("ChecksumAlgorithm");
    let mut found = None;
    for algorithm in Algorithm::ALL {
        if let Some(Value::String(value)) = input.shift_remove(&algorithm.member()) {
            if found.is_some() {
                let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
                return Err(ServiceError::sender("InvalidRequest", message));
            }
            found = Some((algorithm, Some(value)));
        }
    }
    match (found, named.as_ref().and_then(Value::as_str)) {
        (None, Some(name)) => Ok(Some((Algorithm::parse(name)?, None))),
        (found, _) => Ok(found),
    }
}

/// Makes a checksum of bytes as they come.
pub(super) enum Hasher {
    Crc32(Digest<'static, u32, Fast>),
    Crc64(Digest<'static, u64, Fast>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(CRC32.digest()),
            Algorithm::Crc32c => Self::Crc32(CRC32C.digest()),
            Algorithm::Crc64nvme => Self::Crc64(CRC64NVME.digest()),
            Algorithm::Sha1 => Self::Sha1(Sha1::default()),
            Algorithm::Sha256 => Self::Sha256(Sha256::default()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(digest) => digest.update(bytes),
            Self::Crc64(digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc32(digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Crc64(digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Sha1(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_that_are_known() {
        // The check values of the catalogue of CRCs, of `123456789`.
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"12345");
            hasher.update(b"6789");
            assert_eq!(hex::encode(hasher.finish()), expected, "{algorithm:?}");
        }
    }
}
