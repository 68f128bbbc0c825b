//! What became of the items of a failed Map run that were in no child: inputs of children that were not started.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use stepwell_asl::Data;
use stepwell_machine::child_item;
use stepwell_task::Items;

use crate::kernel::{Batch, Pending};

/// The items of an array behind the first ones.
pub(super) fn given(items: &Data, taken: u64) -> Items {
    let items = Arc::clone(items);
    let first = usize::try_from(taken).unwrap_or(usize::MAX);
    let item = move |index: usize| items.get(index).cloned().map(Ok);
    stream::iter((first..).map_while(item)).boxed()
}

/// What these items are as inputs: selected and batched as those of children that start.
pub(super) fn inputs(pending: Pending, items: Items) -> BoxStream<'static, String> {
    let max = pending.plan.max_items.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(0));
    let left = max.saturating_sub(usize::try_from(pending.taken).unwrap_or(usize::MAX));
    let items = items.take(left);
    let start = Rest { pending, items, taken: 0, batch: Batch::default() };
    stream::unfold(start, async |mut rest| Some((rest.next().await?, rest))).boxed()
}

struct Rest<S> {
    pending: Pending,
    items: S,
    taken: u64,
    batch: Batch,
}

impl<S: futures_util::Stream<Item = Result<Value, stepwell_task::TaskFailure>> + Unpin> Rest<S> {
    async fn next(&mut self) -> Option<String> {
        loop {
            let Some(Ok(item)) = self.items.next().await else { return self.last() };
            let item = self.selected(item);
            let Some(form) = &self.pending.plan.batch else { return Some(item.to_string()) };
            if let Some((input, _)) = self.batch.add(form, item) {
                return Some(input.to_string());
            }
        }
    }

    /// What `ItemSelector` makes of an item; one that it fails for stays as it came.
    fn selected(&mut self, item: Value) -> Value {
        let Pending { run, scheduled, taken, now, seed, .. } = &self.pending;
        let index = taken + self.taken;
        self.taken += 1;
        let selected = child_item(run, *scheduled, index, item.clone(), *now, seed ^ index);
        selected.unwrap_or(item)
    }

    fn last(&mut self) -> Option<String> {
        let form = self.pending.plan.batch.as_ref().filter(|_| !self.batch.is_empty())?;
        let (input, _) = self.batch.take(form);
        Some(input.to_string())
    }
}
