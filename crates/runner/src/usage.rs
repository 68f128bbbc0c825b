//! What the processes of a function use of the machine's memory, by Linux's `/proc`.

use std::path::PathBuf;

/// Resident bytes of a process and of all that descend from it. Zero where there is no `/proc`.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let mut waiting = vec![pid];
    let mut pages = 0;
    while let Some(pid) = waiting.pop() {
        pages += resident_pages(pid).unwrap_or_default();
        waiting.extend(children(pid));
    }
    pages * 4096
}

/// Without what is shared with other processes, such as the file of the interpreter.
fn resident_pages(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = text.split(' ').skip(1).map(str::parse);
    let (resident, shared): (u64, u64) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(resident.saturating_sub(shared))
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| thread.path().join("children"));
    lists
        .filter_map(|list: PathBuf| std::fs::read_to_string(list).ok())
        .flat_map(|text| numbers(&text))
        .collect()
}

fn numbers(text: &str) -> Vec<u32> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}
