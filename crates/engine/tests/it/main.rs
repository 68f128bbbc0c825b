//! The engine at its public edge: through `Handle`, and through the kernel where a crash must fall between
//! two certain writes.

mod by_hand;
mod damage;
mod disk_full;
mod golden;
mod lists;
mod recovery;
mod requests;
mod retention;
mod rig;
mod shutdown;
mod tasks;
mod timers;
mod versions;
