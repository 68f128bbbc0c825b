//! One process: a kernel, the store it writes, and what is on its way between them. All but the files is
//! lost when it dies.

use std::collections::VecDeque;
use std::path::Path;

use stepwell_engine::kernel::{Action, Kernel, TaskOrder, Write};
use stepwell_engine::store::{Durability, Store};
use stepwell_engine::{Arns, ManualEntropy, StoreError};

use crate::mutant::Mutant;
use crate::witness::Witness;

/// The ARNs of all simulations.
pub(crate) fn arns() -> Arns {
    Arns::new("us-east-1", "000000000000")
}

pub(crate) struct Process {
    pub(crate) store: Store,
    pub(crate) kernel: Kernel,
    /// Writes that wait to be committed.
    pub(crate) waiting: VecDeque<Write>,
    /// Actions of committed writes that wait to be performed.
    pub(crate) committed: VecDeque<Action>,
    /// Pages of the write-ahead log that hold acknowledged commits; unknown before the first commit.
    pub(crate) safe_pages: Option<u32>,
    /// The last committed write, if the kernel has not heard of it.
    pub(crate) unacknowledged: Option<u64>,
    /// Tasks with a handler.
    pub(crate) running: Vec<TaskOrder>,
    /// Sees what is on disk.
    pub(crate) witness: Witness,
    mutant: Option<Mutant>,
}

impl Process {
    /// Takes up the store at `path`.
    pub(crate) fn open(path: &Path, seed: u64, mutant: Option<Mutant>) -> Result<Self, StoreError> {
        let store = Store::open(path, Durability::ProcessOnly)?;
        let archive = store.archive()?;
        let entropy = Box::new(ManualEntropy::new(seed));
        let kernel = Kernel::open(arns(), archive, entropy)?;
        let mut process = Self {
            store,
            kernel,
            waiting: VecDeque::new(),
            committed: VecDeque::new(),
            safe_pages: None,
            unacknowledged: None,
            running: Vec::new(),
            witness: Witness::open(path),
            mutant,
        };
        process.collect();
        Ok(process)
    }

    /// Takes over what the kernel gave out.
    pub(crate) fn collect(&mut self) {
        for mut write in self.kernel.take_writes() {
            self.committed.extend(self.mutant.into_iter().flat_map(|it| it.spoil(&mut write)));
            self.waiting.push_back(write);
        }
    }

    /// Commits the first `count` waiting writes as one group; whether anything had to be written for it.
    pub(crate) fn commit(&mut self, count: usize) -> Result<bool, StoreError> {
        let group: Vec<Write> = self.waiting.drain(..count).collect();
        self.store.commit(group.iter().flat_map(|write| &write.records))?;
        let writes = group.iter().any(|write| !write.records.is_empty());
        if writes {
            self.safe_pages = Some(self.store.wal_pages());
        }
        self.unacknowledged = group.last().map(|write| write.number);
        self.committed.extend(group.into_iter().flat_map(|write| write.actions));
        Ok(writes)
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.committed.is_empty()
            && self.unacknowledged.is_none()
            && !self.kernel.has_work()
    }
}
