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
    // Functions as processes; what calls them is on the other side of the port.
    arrows("stepwell-runner", &["stepwell-task"], &[]),
    arrows("stepwell-engine", &["stepwell-asl", "stepwell-machine", "stepwell-task"], &[]),
    arrows(
        "stepwell-sfn-api",
        &["stepwell-asl", "stepwell-engine", "stepwell-task"],
        &["stepwell-integrations", "stepwell-map-data"],
    ),
    // What Map runs read and write in buckets: the other side of the port.
    arrows("stepwell-map-data", &["stepwell-integrations", "stepwell-task"], &[]),
    // A pipeline says error names and definitions in the language's own types.
    arrows("stepwell-pipeline", &["stepwell-asl", "stepwell-task"], &[]),
    arrows(
        "stepwell-canvas",
        &["stepwell-pipeline"],
        &["stepwell-asl", "stepwell-machine", "stepwell-sandbox"],
    ),
    arrows(
        "stepwell-data-products",
        &["stepwell-pipeline"],
        &["stepwell-asl", "stepwell-machine", "stepwell-sandbox"],
    ),
    arrows("stepwell-aws-wire", &[], &[]),
    // Services of AWS, each embedded and real; they know neither engine nor pipelines.
    arrows("stepwell-integrations", &["stepwell-aws-wire", "stepwell-task"], &[]),
    // Brings both together: what the kit says about services, and the services.
    arrows("stepwell-services", &["stepwell-integrations", "stepwell-pipeline"], &[]),
    arrows(
        "stepwell-data-mesh",
        &["stepwell-integrations", "stepwell-pipeline", "stepwell-services"],
        &["stepwell-asl", "stepwell-machine", "stepwell-sandbox"],
    ),
    arrows("stepwell-tabular", &[], &[]),
    arrows("stepwell-reconcile", &[], &[]),
    arrows("stepwell-query", &[], &[]),
    arrows("stepwell-report", &[], &[]),
    arrows(
        "stepwell-stream-qc",
        &["stepwell-integrations", "stepwell-pipeline", "stepwell-services", "stepwell-tabular"],
        &["stepwell-asl", "stepwell-machine", "stepwell-sandbox"],
    ),
    arrows(
        "stepwell-lake",
        &[
            "stepwell-integrations",
            "stepwell-pipeline",
            "stepwell-query",
            "stepwell-reconcile",
            "stepwell-report",
            "stepwell-services",
            "stepwell-tabular",
        ],
        &["stepwell-asl", "stepwell-machine", "stepwell-sandbox"],
    ),
    // It stands for the outside world, so it knows nothing of ours.
    arrows("stepwell-sandbox", &[], &[]),
    arrows("stepwell-sim", &["stepwell-asl", "stepwell-engine", "stepwell-machine"], &[]),
    arrows(
        "stepwell",
        &[
            "stepwell-asl",
            "stepwell-aws-wire",
            "stepwell-canvas",
            "stepwell-data-mesh",
            "stepwell-data-products",
            "stepwell-engine",
            "stepwell-integrations",
            "stepwell-lake",
            "stepwell-map-data",
            "stepwell-pipeline",
            "stepwell-query",
            "stepwell-runner",
            "stepwell-sandbox",
            "stepwell-schedule",
            "stepwell-services",
            "stepwell-sfn-api",
            "stepwell-stream-qc",
            "stepwell-tabular",
            "stepwell-task",
        ],
        &[],
    ),
    arrows(
        "stepwell-benches",
        &[
            "stepwell-asl",
            "stepwell-engine",
            "stepwell-integrations",
            "stepwell-map-data",
            "stepwell-reconcile",
            "stepwell-sandbox",
            "stepwell-stream-qc",
            "stepwell-task",
            "xtask",
        ],
        &[],
    ),
    arrows("xtask", &[], &[]),
];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let unused = ALLOWED.iter().flat_map(|arrows| unused_arrows(arrows, &repository.packages));
    repository.packages.iter().flat_map(forbidden_arrows).chain(unused).collect()
}

/// What the table allows and no manifest uses.
fn unused_arrows(arrows: &Arrows, packages: &[Package]) -> Vec<Finding> {
    let package = packages.iter().find(|package| package.name == arrows.from);
    let is_used = |to: &str, in_tests: bool| {
        package.is_some_and(|package| {
            package.dependencies.iter().any(|dependency| {
                dependency.name == to && (dependency.kind.as_deref() == Some("dev")) == in_tests
            })
        })
    };
    let product = arrows.to.iter().filter(|to| !is_used(to, false));
    let tests = arrows.tests_to.iter().filter(|to| !is_used(to, true));
    product
        .chain(tests)
        .map(|to| Finding::new(arrows.from, format!("may see `{to}` and does not: take it off")))
        .collect()
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
    fn an_arrow_that_no_manifest_uses_is_found() {
        let row = arrows("stepwell-canvas", &["stepwell-pipeline"], &["stepwell-sandbox"]);
        let found = unused_arrows(&row, &[package("stepwell-canvas", "stepwell-pipeline", None)]);
        let problem = "may see `stepwell-sandbox` and does not: take it off";
        assert_eq!(found, [Finding::new("stepwell-canvas", problem)]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(forbidden_arrows(&package("stepwell-new", "stepwell-asl", None)).len(), 1);
    }
}
