//! Puts the pages of `docs/errors` into the binary, for `stepwell explain`, and packs its relocations.

#![expect(clippy::disallowed_methods, reason = "cargo says where to build through the environment")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The first version of the C library that knows packed relocations.
const PACKED_SINCE: (u32, u32) = (2, 36);

/// Set where the program is to run on machines with an older one.
const OLD_LIBC: &str = "STEPWELL_OLD_LIBC";

fn main() {
    write_pages();
    println!("cargo::rerun-if-env-changed={OLD_LIBC}");
    let is_new = || libc_version().is_some_and(|version| version >= PACKED_SINCE);
    if env::var_os(OLD_LIBC).is_none() && is_for_this_machine() && is_new() {
        // Three hundred thousand of them otherwise are a quarter of what an idle server holds in memory.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn is_for_this_machine() -> bool {
    env::var_os("HOST") == env::var_os("TARGET")
}

/// `glibc 2.36` on Linux; nothing elsewhere.
fn libc_version() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn write_pages() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    println!("cargo::rerun-if-changed={}", pages.display());
    let mut files: Vec<_> = fs::read_dir(&pages)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "md"));
    files.sort();
    let mut table = String::from("const PAGES: &[(&str, &str)] = &[\n");
    for file in files {
        let code = file.file_stem().expect("a file has a name").to_string_lossy();
        writeln!(table, "    ({code:?}, include_str!({:?})),", file.display())
            .expect("a string takes every text");
    }
    table.push_str("];\n");
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("pages.rs");
    fs::write(out, table).expect("cargo's folder can be written");
}
