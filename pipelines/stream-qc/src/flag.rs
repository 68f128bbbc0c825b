//! The flags of QARTOD, their counts and their roll-up.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// What a test says of a point, in the numbers of QARTOD.
///
/// Serialized as its number: `4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Flag {
    /// The test ran and the point passed.
    Good = 1,
    /// The test could not run for this point.
    Unknown = 2,
    /// The point is suspect, or of high interest.
    Suspect = 3,
    /// The point failed.
    Fail = 4,
    /// There is no value.
    Missing = 9,
}

impl Flag {
    /// All flags, by number.
    pub const ALL: [Self; 5] =
        [Self::Good, Self::Unknown, Self::Suspect, Self::Fail, Self::Missing];

    /// The number of QARTOD.
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// The flag with this number.
    pub fn of_value(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.value() == value)
    }

    /// The name of QARTOD, for instance `SUSPECT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "GOOD",
            Self::Unknown => "UNKNOWN",
            Self::Suspect => "SUSPECT",
            Self::Fail => "FAIL",
            Self::Missing => "MISSING",
        }
    }

    /// Whether a test judged the point: it ran, and there was something to judge.
    pub const fn is_evaluated(self) -> bool {
        matches!(self, Self::Good | Self::Suspect | Self::Fail)
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.value())
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u8::deserialize(deserializer)?;
        Self::of_value(value)
            .ok_or_else(|| serde::de::Error::custom(format!("{value} is no flag: 1, 2, 3, 4 or 9")))
    }
}

/// How many points have which flag.
///
/// Serialized by number: `{"1": 7, "2": 0, "3": 1, "4": 1, "9": 1}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Points that are GOOD.
    pub good: u64,
    /// Points that no test could judge.
    pub unknown: u64,
    /// Points that are SUSPECT.
    pub suspect: u64,
    /// Points that are FAIL.
    pub fail: u64,
    /// Points without a value.
    pub missing: u64,
}

impl Counts {
    /// The counts of these flags.
    pub fn of(flags: &[Flag]) -> Self {
        let mut by_value = [0; 10];
        for flag in flags {
            by_value[usize::from(flag.value())] += 1;
        }
        let [_, good, unknown, suspect, fail, .., missing] = by_value;
        Self { good, unknown, suspect, fail, missing }
    }

    /// Counts so many points with one flag.
    pub(crate) const fn add(&mut self, flag: Flag, points: u64) {
        match flag {
            Flag::Good => self.good += points,
            Flag::Unknown => self.unknown += points,
            Flag::Suspect => self.suspect += points,
            Flag::Fail => self.fail += points,
            Flag::Missing => self.missing += points,
        }
    }

    /// How many there are of one flag.
    pub const fn get(&self, flag: Flag) -> u64 {
        match flag {
            Flag::Good => self.good,
            Flag::Unknown => self.unknown,
            Flag::Suspect => self.suspect,
            Flag::Fail => self.fail,
            Flag::Missing => self.missing,
        }
    }

    /// How many were judged.
    pub const fn evaluated(&self) -> u64 {
        self.good + self.suspect + self.fail
    }

    /// How many there are.
    pub const fn total(&self) -> u64 {
        self.evaluated() + self.unknown + self.missing
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.good += other.good;
        self.unknown += other.unknown;
        self.suspect += other.suspect;
        self.fail += other.fail;
        self.missing += other.missing;
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let by_value = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let count = |flag: Flag| by_value.get(&flag.value().to_string()).copied().unwrap_or(0);
        Ok(Self {
            good: count(Flag::Good),
            unknown: count(Flag::Unknown),
            suspect: count(Flag::Suspect),
            fail: count(Flag::Fail),
            missing: count(Flag::Missing),
        })
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Flag::ALL.len()))?;
        for flag in Flag::ALL {
            map.serialize_entry(&flag.value().to_string(), &self.get(flag))?;
        }
        map.end()
    }
}

/// Which flag of a point stands for all its tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RollUp {
    /// FAIL > SUSPECT > MISSING > GOOD > UNKNOWN: a point that one test calls missing is not good.
    #[default]
    Strict,
    /// FAIL > SUSPECT > GOOD > UNKNOWN > MISSING, as QARTOD and `ioos_qc` have it.
    Qartod,
}

impl RollUp {
    /// By the number of the flag.
    const fn rank(self, flag: Flag) -> u8 {
        let ranks = match self {
            Self::Strict => [0, 2, 1, 4, 5, 0, 0, 0, 0, 3],
            Self::Qartod => [0, 3, 2, 4, 5, 0, 0, 0, 0, 1],
        };
        ranks[flag.value() as usize]
    }

    /// The flag that stands for both.
    pub const fn of_two(self, one: Flag, other: Flag) -> Flag {
        if self.rank(other) > self.rank(one) { other } else { one }
    }

    /// The flag of a point that no test looked at.
    const fn of_none(self) -> Flag {
        match self {
            Self::Strict => Flag::Unknown,
            Self::Qartod => Flag::Missing,
        }
    }
}

/// One flag for each of `length` points, from the flags of several tests.
pub fn roll_up<'a>(
    order: RollUp,
    length: usize,
    tests: impl IntoIterator<Item = &'a [Flag]>,
) -> Vec<Flag> {
    let mut rolled = vec![order.of_none(); length];
    for flags in tests {
        for (into, flag) in rolled.iter_mut().zip(flags) {
            *into = order.of_two(*into, *flag);
        }
    }
    rolled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolled(order: RollUp) -> Vec<u8> {
        let tests = [[1, 1, 1, 2, 9, 9, 2, 3], [1, 3, 4, 1, 9, 1, 9, 9], [1, 2, 3, 2, 9, 2, 2, 1]];
        let tests = tests.map(|test| test.map(|value| Flag::of_value(value).expect("a flag")));
        roll_up(order, 8, tests.iter().map(<[Flag; 8]>::as_slice))
            .iter()
            .map(|flag| flag.value())
            .collect()
    }

    #[test]
    fn the_order_decides_whether_a_missing_value_can_be_good() {
        assert_eq!(rolled(RollUp::Qartod), [1, 3, 4, 1, 9, 1, 2, 3]);
        assert_eq!(rolled(RollUp::Strict), [1, 3, 4, 1, 9, 9, 9, 3]);
    }

    #[test]
    fn counts_are_written_by_number() {
        let counts = Counts::of(&[Flag::Good, Flag::Missing, Flag::Good]);
        let json = serde_json::to_string(&counts).expect("it is plain");
        assert_eq!(json, r#"{"1":2,"2":0,"3":0,"4":0,"9":1}"#);
    }
}
