//! Every crate takes its lints and its versions from the workspace, so that each dependency is compiled once.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Finding;
use crate::repository::Repository;

pub(super) fn check(repository: &Repository) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in &repository.packages {
        let text = std::fs::read_to_string(&package.manifest_path)?;
        let manifest = text.parse().with_context(|| package.manifest_path.display().to_string())?;
        findings
            .extend(problems(&manifest).into_iter().map(|text| Finding::new(&package.name, text)));
    }
    Ok(findings)
}

fn problems(manifest: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    if !from_workspace(manifest.get("lints")) {
        problems.push("`[lints] workspace = true` is missing".to_owned());
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let declared = manifest.get(kind).and_then(Value::as_table).into_iter().flatten();
        for (name, _) in declared.filter(|(_, value)| !from_workspace(Some(value))) {
            problems.push(format!("`{name}` in [{kind}] must be `{name}.workspace = true`"));
        }
    }
    problems
}

fn from_workspace(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_its_own_and_missing_lints_are_found() {
        let manifest = "[dependencies]\nserde = '1'\nanyhow.workspace = true".parse().unwrap();
        assert_eq!(
            problems(&manifest),
            [
                "`[lints] workspace = true` is missing",
                "`serde` in [dependencies] must be `serde.workspace = true`"
            ]
        );
    }
}
