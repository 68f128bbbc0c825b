//! `States.MathAdd`, `MathRandom`, `UUID`.

use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;
use crate::eval::Random;

/// The sum, in the range of a Java `int`.
pub(super) fn add(args: Arguments<'_>) -> Result<Value, Failure> {
    let sum = i32_argument(args, 0)?.checked_add(i32_argument(args, 1)?);
    sum.map(Value::from).ok_or_else(|| args.refuse("the sum is out of the range of an integer"))
}

fn i32_argument(args: Arguments<'_>, index: usize) -> Result<i32, Failure> {
    let integer = args.integer(index)?;
    i32::try_from(integer)
        .map_err(|_| args.refuse(format!("{integer} is out of the range of an integer")))
}

/// A number from the first argument (included) to the second (excluded). With a third argument, the seed,
/// the same call always gives the same number.
pub(super) fn random(args: Arguments<'_>, random: &mut dyn Random) -> Result<Value, Failure> {
    let (start, end) = (i32_argument(args, 0)?, i32_argument(args, 1)?);
    if start >= end {
        return Err(args.refuse("the start must be less than the end"));
    }
    let bits = if args.has(2) { splitmix(args.integer(2)? as u64) } else { random.next_u64() };
    let width = (i64::from(end) - i64::from(start)) as u64;
    let offset = ((u128::from(bits) * u128::from(width)) >> 64) as i64;
    Ok(Value::from(i64::from(start) + offset))
}

/// Spreads the bits of a seed (the finalizer of SplitMix64).
fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A version 4 UUID.
pub fn uuid(random: &mut dyn Random) -> String {
    let high = random.next_u64() & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = random.next_u64() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
