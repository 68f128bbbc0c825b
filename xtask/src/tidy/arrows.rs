//! The allowed arrows between our own crates, as one table.

use super::Finding;
use crate::repository::{Package, Repository};

/// What one crate may see.
struct Arrows {
    from: &'static str,
    /// In the product.
    to: &'static [&'static str],
    /// Besides, in its tests only.
    tests_to: &'static [&'static str],
}

const fn arrows(
    from: &'static str,
    to: &'static [&'static str],
    tests_to: &'static [&'static str],
) -> Arrows {
    Arrows { from, to, tests_to }
}

/// Arrows point inward. A crate that is not listed here is a finding: adding one is a decision.
const ALLOWED: &[Arrows] = &[
    arrows("stepwell-asl", &[], &[]),
    arrows("stepwell-machine", &["stepwell-asl"], &[]),
    arrows("stepwell-task", &[], &[]),
    arrows("stepwell-schedule", &[], &[]),
    arrows("stepwell-engine", &["stepwell-asl", "stepwell-machine", "stepwell-task"], &[]),
    arrows(
        "stepwell-sfn-api",
        &["stepwell-asl", "stepwell-engine", "stepwell-machine"],
        &["stepwell-task"],
    ),
    // A pipeline says error names and definitions in the language's own types.
    arrows("stepwell-pipeline", &["stepwell-asl", "stepwell-task"], &[]),
    arrows(
        "stepwell-canvas",
        &["stepwell-pipeline"],
        &["stepwell-asl", "stepwell-sandbox", "stepwell-task"],
    ),
    // It stands for the outside world, so it knows nothing of ours.
    arrows("stepwell-sandbox", &[], &[]),
    arrows(
        "stepwell-sim",
        &["stepwell-asl", "stepwell-engine", "stepwell-machine", "stepwell-task"],
        &[],
    ),
    arrows(
        "stepwell",
        &[
            "stepwell-asl",
            "stepwell-canvas",
            "stepwell-engine",
            "stepwell-machine",
            "stepwell-pipeline",
            "stepwell-sandbox",
            "stepwell-schedule",
            "stepwell-sfn-api",
            "stepwell-task",
        ],
        &[],
    ),
    arrows(
        "stepwell-benches",
        &["stepwell-engine", "stepwell-sandbox", "stepwell-task", "xtask"],
        &[],
    ),
    arrows("xtask", &[], &[]),
];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    repository.packages.iter().flat_map(forbidden_arrows).collect()
}

fn forbidden_arrows(package: &Package) -> Vec<Finding> {
    let Some(allowed) = ALLOWED.iter().find(|arrows| arrows.from == package.name) else {
        return vec![Finding::new(
            &package.name,
            "no row in the table of xtask/src/tidy/arrows.rs",
        )];
    };
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    ours.filter(|dependency| {
        let name = dependency.name.as_str();
        let in_tests = dependency.kind.as_deref() == Some("dev");
        !(allowed.to.contains(&name) || in_tests && allowed.tests_to.contains(&name))
    })
    .map(|dependency| Finding::new(&package.name, format!("must not see `{}`", dependency.name)))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::repository::Dependency;

    fn package(name: &str, sees: &str, kind: Option<&str>) -> Package {
        Package {
            name: name.into(),
            manifest_path: PathBuf::new(),
            dependencies: vec![Dependency {
                name: sees.into(),
                kind: kind.map(Into::into),
                path: Some(PathBuf::new()),
            }],
        }
    }

    #[test]
    fn an_arrow_outwards_is_found() {
        let found = forbidden_arrows(&package("stepwell-machine", "stepwell-engine", None));
        assert_eq!(found, [Finding::new("stepwell-machine", "must not see `stepwell-engine`")]);
    }

    #[test]
    fn what_tests_may_see_the_product_may_not() {
        let tests = package("stepwell-canvas", "stepwell-sandbox", Some("dev"));
        let product = package("stepwell-canvas", "stepwell-sandbox", None);
        assert_eq!(forbidden_arrows(&tests), []);
        assert_eq!(forbidden_arrows(&product).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(forbidden_arrows(&package("stepwell-new", "stepwell-asl", None)).len(), 1);
    }
}
