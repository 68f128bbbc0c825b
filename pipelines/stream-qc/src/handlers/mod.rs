//! The functions of the state machines, one file each.

mod end;
mod list;
mod notify;
mod process;
mod report;
mod start;
mod summarise;

pub(crate) use end::End;
pub(crate) use list::{List, check_list};
pub(crate) use notify::Notify;
pub(crate) use process::Process;
pub(crate) use report::Report;
pub(crate) use start::{Start, Started};
pub(crate) use summarise::Summarise;
