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

/// A crate that knows the world and is let in all the same.
struct Exception {
    /// The crate; what comes with it is let in too.
    name: &'static str,
    /// Its name in sources.
    import: &'static str,
    /// The only folder that may name it, and so answers for it: nothing of the world comes through.
    folder: &'static str,
}

/// `jsonata-core` brings `rand` and `chrono` for `$random`, `$shuffle`, `$now` and `$millis`, all of which the
/// module replaces by functions of its inputs, and reads the clock for a limit that no recorded outcome depends on.
const EXCEPTIONS: &[Exception] = &[Exception {
    name: "jsonata-core",
    import: "jsonata_core",
    folder: "crates/asl/src/jsonata/",
}];

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
        let mut command =
            vec!["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", name];
        command.extend(EXCEPTIONS.iter().flat_map(|exception| ["--prune", exception.name]));
        findings.extend(worldly_crates(name, &cargo(&command)?));
        let files = repository.files()?;
        findings
            .extend(files.iter().filter(|file| file.path.starts_with(folder)).flat_map(open_doors));
    }
    findings.extend(repository.files()?.iter().flat_map(strayed_exceptions));
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

/// Where a file names an exception that another folder answers for.
fn strayed_exceptions(file: &SourceFile) -> Vec<Finding> {
    let strays = |exception: &&Exception| !file.path.starts_with(exception.folder);
    let find = |exception: &'static Exception| {
        sources::product_lines(file)
            .filter(|(_, code)| code.contains(exception.import))
            .map(|(number, _)| {
                let problem = format!("only {} may use `{}`", exception.folder, exception.name);
                Finding::new(format!("{}:{number}", file.path), problem)
            })
            .collect::<Vec<_>>()
    };
    if !file.is("rs") {
        return Vec::new();
    }
    EXCEPTIONS.iter().filter(strays).flat_map(find).collect()
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
    fn an_exception_stays_in_its_folder() {
        let text = "use jsonata_core::value::JValue;";
        let file = |path: &str| SourceFile { path: path.into(), text: text.into() };
        assert_eq!(strayed_exceptions(&file("crates/asl/src/jsonata/value.rs")), []);
        assert_eq!(
            strayed_exceptions(&file("crates/asl/src/eval.rs")),
            [Finding::new(
                "crates/asl/src/eval.rs:1",
                "only crates/asl/src/jsonata/ may use `jsonata-core`"
            )]
        );
    }

    #[test]
    fn the_clock_is_a_door_in_the_product_only() {
        let text = "// no SystemTime here\nlet now = SystemTime::now();\n#[cfg(test)]\nmod tests { std::env::var }";
        let file = SourceFile { path: "a.rs".into(), text: text.into() };
        assert_eq!(open_doors(&file).len(), 1);
        assert_eq!(open_doors(&file)[0].place, "a.rs:2");
    }
}
