//! `States.ArrayContains`, `ArrayGetItem`, `ArrayLength`, `ArrayPartition`, `ArrayRange`, `ArrayUnique`.

use std::collections::HashSet;

use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;
use crate::number;

/// `States.ArrayRange` gives at most this many elements.
const RANGE_MAX: i128 = 1000;

pub(super) fn contains(args: Arguments<'_>) -> Result<Value, Failure> {
    let wanted = args.value(1);
    let found = args.array(0)?.iter().any(|item| number::equal_values(item, wanted));
    Ok(Value::Bool(found))
}

pub(super) fn get_item(args: Arguments<'_>) -> Result<Value, Failure> {
    let items = args.array(0)?;
    let index = args.integer(1)?;
    let item = usize::try_from(index).ok().and_then(|index| items.get(index));
    item.cloned().ok_or_else(|| {
        args.refuse(format!(
            "index {index} is out of bounds for an array of length {}",
            items.len()
        ))
    })
}

pub(super) fn length(args: Arguments<'_>) -> Result<Value, Failure> {
    Ok(Value::from(args.array(0)?.len()))
}

pub(super) fn partition(args: Arguments<'_>) -> Result<Value, Failure> {
    let items = args.array(0)?;
    let size = usize::try_from(args.integer(1)?).unwrap_or(0);
    if size == 0 {
        return Err(args.refuse("the chunk size must be a positive integer"));
    }
    Ok(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}

/// From the first to the second number inclusive, by steps of the third.
pub(super) fn range(args: Arguments<'_>) -> Result<Value, Failure> {
    let first = i128::from(args.integer(0)?);
    let last = i128::from(args.integer(1)?);
    let step = i128::from(args.integer(2)?);
    if step == 0 {
        return Err(args.refuse("the step must not be 0"));
    }
    let count = ((last - first) / step + 1).max(0);
    let towards = (last - first).signum() * step.signum() >= 0;
    if !towards {
        return Ok(Value::Array(Vec::new()));
    }
    if count > RANGE_MAX {
        return Err(args.refuse(format!("the array would have more than {RANGE_MAX} items")));
    }
    Ok((0..count).map(|n| Value::from((first + n * step) as i64)).collect())
}

pub(super) fn unique(args: Arguments<'_>) -> Result<Value, Failure> {
    let mut seen = HashSet::new();
    let items = args.array(0)?.iter().filter(|item| seen.insert(number::canonical(item)));
    Ok(items.cloned().collect())
}
