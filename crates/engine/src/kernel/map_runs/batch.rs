//! `ItemBatcher`: several items as the input of one child.

use serde_json::{Map, Value};
use stepwell_machine::MapRunBatch;

/// Items of the next child.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    items: Vec<Value>,
    bytes: usize,
}

/// The input of a child, and how many items are in it.
pub(crate) type Batched = (Value, u64);

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item; gives the batch before it if it does not fit any more, or with it if that is full.
    pub(crate) fn add(&mut self, form: &MapRunBatch, item: Value) -> Option<Batched> {
        let bytes = item.to_string().len() + 1;
        let overflows = form.max_bytes.is_some_and(|max| (self.bytes + bytes) as u64 > max);
        let before = (overflows && !self.items.is_empty()).then(|| self.take(form));
        self.items.push(item);
        self.bytes += bytes;
        let is_full = form.max_items.is_some_and(|max| self.items.len() as u64 >= max);
        before.or_else(|| is_full.then(|| self.take(form)))
    }

    /// `{"BatchInput": {...}, "Items": [...]}`
    pub(crate) fn take(&mut self, form: &MapRunBatch) -> Batched {
        let Self { items, .. } = std::mem::take(self);
        let count = items.len() as u64;
        let mut input = Map::new();
        if let Some(batch_input) = &form.input {
            input.insert("BatchInput".to_owned(), (**batch_input).clone());
        }
        input.insert("Items".to_owned(), Value::Array(items));
        (Value::Object(input), count)
    }
}
