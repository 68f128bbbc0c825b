//! The repository as cargo and the file system know it: own crates, where things are, every file of ours.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cargo;

/// The workspace.
#[derive(Debug, Deserialize)]
pub struct Repository {
    /// Its folder.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// Where cargo builds.
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
    /// The crates of the workspace.
    pub packages: Vec<Package>,
}

/// One crate as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// What it declares to depend on.
    pub dependencies: Vec<Dependency>,
    /// Its `Cargo.toml`.
    pub manifest_path: PathBuf,
}

/// One declared dependency.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The crate's name.
    pub name: String,
    /// Nothing, `dev` or `build`.
    pub kind: Option<String>,
    /// Set if it is a crate of ours.
    pub path: Option<PathBuf>,
}

impl Repository {
    /// The workspace that the current folder is in.
    ///
    /// # Errors
    /// If cargo cannot read it.
    pub fn discover() -> Result<Self> {
        let json = cargo(&["metadata", "--format-version", "1", "--no-deps"])?;
        serde_json::from_str(&json).context("failed to read the answer of `cargo metadata`")
    }

    /// Every text file of ours with its path from the root: no build output, nothing hidden but `.ci` and `.cargo`.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn files(&self) -> Result<Vec<SourceFile>> {
        let mut files = Vec::new();
        self.collect(&self.root, &mut files)?;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(files)
    }

    fn collect(&self, folder: &Path, files: &mut Vec<SourceFile>) -> Result<()> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("failed to read the folder {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() && is_ours(&path) && path != self.target {
                self.collect(&path, files)?;
            } else if path.is_file()
                && !path.ends_with(".git")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let path = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
                files.push(SourceFile { path, text });
            }
        }
        Ok(())
    }
}

/// One text file of the repository.
#[derive(Debug)]
pub struct SourceFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl SourceFile {
    /// True if its name ends with this extension.
    pub fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let hidden = name.starts_with('.') && !matches!(name, ".ci" | ".cargo");
    !hidden && name != "target"
}

/// What cargo prints on stdout.
///
/// # Errors
/// If cargo fails.
pub fn cargo(arguments: &[&str]) -> Result<String> {
    let output = cargo::command().args(arguments).output().context("failed to run cargo")?;
    if !output.status.success() {
        bail!(
            "`cargo {}` failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
