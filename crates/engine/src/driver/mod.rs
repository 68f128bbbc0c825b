//! The threads around the kernel: its own, the committer's, and the tasks' on tokio.

mod committer;
mod dispatcher;
mod engine_loop;
mod express;
mod logs;
mod map_data;
mod reports;

pub(crate) use committer::{Committer, Job, Retention};
pub(crate) use dispatcher::Dispatcher;
pub(crate) use engine_loop::EngineLoop;
pub(crate) use express::{Express, Shared as ExpressShared};
pub(crate) use logs::LogDriver;
pub(crate) use map_data::DataDriver;
pub(crate) use reports::{Inboxes, Reports};
