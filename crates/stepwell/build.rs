//! Puts the pages of `docs/errors` into the binary, for `stepwell explain`.

#![expect(clippy::disallowed_methods, reason = "cargo says where to build through the environment")]

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() {
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
