//! What the processes of a function use of the machine's memory, by Linux's `/proc`.

use std::path::PathBuf;

/// Bytes that a process and all that descend from it have in memory of their own, shared memory among it but not files
/// such as the interpreter. Zero where there is no `/proc`.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let mut waiting = vec![pid];
    let mut kib = 0;
    while let Some(pid) = waiting.pop() {
        kib += resident_kib(pid);
        waiting.extend(children(pid));
    }
    kib << 10
}

fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    ["RssAnon:", "RssShmem:"].into_iter().filter_map(of).flat_map(numbers).map(u64::from).sum()
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| thread.path().join("children"));
    lists
        .filter_map(|list: PathBuf| std::fs::read_to_string(list).ok())
        .flat_map(|text| numbers(&text).collect::<Vec<_>>())
        .collect()
}

/// Those of a line such as `1024 kB`.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split_whitespace().filter_map(|number| number.parse().ok())
}
