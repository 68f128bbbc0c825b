//! Lambdas as people have them, run unmodified: the code in `lambdas/` knows nothing of stepwell.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::moto::Moto;
use crate::serve::{Server, path_with, script};
use crate::support::{Project, provided};

fn lambdas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lambdas")
}

/// The functions of quality control, with these variables besides their own.
fn functions_of_qc(suffix: &str, more: &str) -> String {
    let code = lambdas().join("qc");
    let section = |name: &str| {
        format!(
            r#"
[functions.{name}]
runtime = "python3.12"
handler = "{name}.lambda_handler"
code = "{}"
timeout_seconds = 60

[functions.{name}.environment]
SUMMARY_TABLE = "QCSummary-{suffix}"
DETAILS_TABLE = "QCDetails-{suffix}"
REPORT_BUCKET = "qc-{suffix}"
FAIL_SPAN = "0,25"
RATE_FAIL = "0.02"
{more}
"#,
            code.display()
        )
    };
    ["start-qc", "qc-process-1", "qc-process-2", "qc-process-3", "end-qc"].map(section).concat()
}

/// What came of the streams, with the services at `services` or, without, those of stepwell.
fn quality_control(python: &str, toml: &str, services: Option<&str>, suffix: &str) -> Value {
    let mut project = Project::configured(toml);
    project.variable("PATH", &path_with(python));
    project.variable("STEPWELL_SECRET_MOTO_KEY", "any");
    let server = Server::start(&project, &[]);
    let (services, region) = match services {
        Some(url) => (url.to_owned(), "us-west-2"),
        None => (format!("http://{}", server.address), "us-east-1"),
    };
    let told = script(&server, python, "qc_client.py", &[&services, region, suffix]);
    server.stop();
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
}

#[test]
fn a_folder_of_python_lambdas_gives_the_same_here_and_with_the_services_elsewhere() {
    let (Some(python), Some(moto)) = (provided("STEPWELL_PYTHON"), Moto::find()) else { return };
    let suffix = format!("lambdas-{}", std::process::id());
    let here = quality_control(&python, &functions_of_qc(&suffix, ""), None, &suffix);
    let url = &moto.url;
    let services = format!(
        "[services]\nsns = \"aws\"\n[services.aws]\nregion = \"us-west-2\"\nendpoint_url = \"{url}\"\n\
         access_key_id = \"any\"\nsecret_access_key = \"secret:moto/key\"\n"
    );
    let variables = format!(
        "AWS_ENDPOINT_URL = \"{url}\"\nAWS_DEFAULT_REGION = \"us-west-2\"\nAWS_ACCESS_KEY_ID = \"any\"\n\
         AWS_SECRET_ACCESS_KEY = \"secret:moto/key\"\n"
    );
    let toml = services + &functions_of_qc(&suffix, &variables);
    let elsewhere = quality_control(&python, &toml, Some(url), &suffix);
    assert_eq!(here, elsewhere);
    insta::assert_json_snapshot!(here);
}

#[test]
fn node_lambdas_run_as_packages_with_the_sdk_for_javascript() {
    let (Some(python), Some(modules)) =
        (provided("STEPWELL_PYTHON"), provided("STEPWELL_NODE_MODULES"))
    else {
        return;
    };
    let mut project = Project::new();
    project.variable("PATH", &path_with(&python));
    let server = Server::start(&project, &[]);
    script(&server, &python, "node_client.py", &[&modules]);
    server.stop();
}
