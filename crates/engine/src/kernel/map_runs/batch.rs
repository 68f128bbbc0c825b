//! `ItemBatcher`: several items as the input of one child.

use serde_json::{Map, Value};
use stepwell_machine::{MapRunBatch, Reason};

use super::MapRun;

/// Items of the next child.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Value>,
    pub(super) bytes: usize,
}

/// What comes of taking items.
pub(super) enum Next {
    /// The input of a child, and how many items are in it.
    Child(Value, u64),
    /// There is none now.
    Nothing,
    /// An item cannot be selected.
    Failed(Reason),
}

impl MapRun {
    /// Adds an item; the batch before it if it does not fit any more, or with it if that is full.
    pub(super) fn add_to_batch(&mut self, item: Value) -> Option<Next> {
        let MapRunBatch { max_items, max_bytes, .. } = self.plan.batch.clone()?;
        let bytes = item.to_string().len() + 1;
        let overflows = max_bytes.is_some_and(|max| (self.batch.bytes + bytes) as u64 > max);
        let before = (overflows && !self.batch.items.is_empty()).then(|| self.take_batch());
        self.batch.items.push(item);
        self.batch.bytes += bytes;
        let is_full = max_items.is_some_and(|max| self.batch.items.len() as u64 >= max);
        before.or_else(|| is_full.then(|| self.take_batch()))
    }

    /// `{"BatchInput": {...}, "Items": [...]}`
    pub(super) fn take_batch(&mut self) -> Next {
        let Batch { items, .. } = std::mem::take(&mut self.batch);
        let count = items.len() as u64;
        let mut input = Map::new();
        if let Some(batch_input) = self.plan.batch.as_ref().and_then(|batch| batch.input.as_ref()) {
            input.insert("BatchInput".to_owned(), (**batch_input).clone());
        }
        input.insert("Items".to_owned(), Value::Array(items));
        Next::Child(Value::Object(input), count)
    }
}
