//! The engine at its public edge: through `Handle`, and through the kernel where a crash must fall between
//! two certain writes.

mod activities;
mod by_hand;
mod callbacks;
mod damage;
mod disk_full;
mod express;
mod golden;
mod lists;
mod map_runs;
mod map_runs_by_hand;
mod recovery;
mod redrive;
mod requests;
mod retention;
mod rig;
mod shutdown;
mod tasks;
mod test_state;
mod timers;
mod versions;
