//! The language crates see no world: no runtime, store, network, randomness, clock or environment.
//!
//! Crates are proved by `cargo tree`, which resolves each pure crate alone (the features that other crates switch
//! on do not count); the standard library's doors are looked for in the sources.

use anyhow::Result;

use super::{Finding, sources};
use crate::repository::{Repository, SourceFile, cargo};

const PURE: &[(&str, &str)] =
    &[("stepwell-asl", "crates/asl/src/"), ("stepwell-machine", "crates/machine/src/")];

/// Crates that are a door to the world; what depends on them is found with them.
const WORLD: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "rand",
    "rand_core",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "socket2",
    "tempfile",
    "tokio",
    "tracing",
];

/// Doors of the standard library and of the crates that a pure crate may see.
const DOORS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "Uuid::new_v4",
    "Zoned::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
];

pub(super) fn check(repository: &Repository) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (name, folder) in PURE {
        let tree = cargo(&[
            "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", name,
        ])?;
        findings.extend(worldly_crates(name, &tree));
        let files = repository.files()?;
        findings
            .extend(files.iter().filter(|file| file.path.starts_with(folder)).flat_map(open_doors));
    }
    Ok(findings)
}

fn worldly_crates(name: &str, tree: &str) -> Vec<Finding> {
    let mut seen: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter()
        .filter(|seen| WORLD.contains(seen))
        .map(|seen| Finding::new(name, format!("is pure and must not see `{seen}`")))
        .collect()
}

fn open_doors(file: &SourceFile) -> Vec<Finding> {
    sources::product_lines(file)
        .filter_map(|(number, code)| {
            let door = DOORS.iter().find(|door| code.contains(**door))?;
            let problem = format!("`{door}` in a pure crate: take it as an argument");
            Some(Finding::new(format!("{}:{number}", file.path), problem))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_to_the_world_is_found_once() {
        let tree = "stepwell-asl v0.1.0 (/x)\nserde v1.0.0\ntokio v1.0.0\ntokio v1.0.0 (*)\n";
        let found = worldly_crates("stepwell-asl", tree);
        assert_eq!(found, [Finding::new("stepwell-asl", "is pure and must not see `tokio`")]);
    }

    #[test]
    fn the_clock_is_a_door_in_the_product_only() {
        let text = "// no SystemTime here\nlet now = SystemTime::now();\n#[cfg(test)]\nmod tests { std::env::var }";
        let file = SourceFile { path: "a.rs".into(), text: text.into() };
        assert_eq!(open_doors(&file).len(), 1);
        assert_eq!(open_doors(&file)[0].place, "a.rs:2");
    }
}
