//! `stepwell secret`

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Project, ended, provided};

const VALUE: &str = "correct-horse-battery-staple";

#[test]
fn a_secret_is_sealed_listed_and_removed() {
    let project = Project::new();
    let set =
        project.run_with(&format!("{VALUE}\n"), &["secret", "set", "secret:canvas/client-id"]);
    assert_eq!((set.code, set.stderr.as_str()), (Some(0), "set `secret:canvas/client-id`\n"));
    assert_eq!(project.ok(&["secret", "list"]), "canvas/client-id\n");
    assert_eq!(project.files_with(VALUE), [] as [&str; 0]);
    for file in ["secrets.key", "secrets.json"] {
        let mode = std::fs::metadata(project.path().join(".stepwell").join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let replaced = project.run_with("other", &["secret", "set", "canvas/client-id"]);
    assert_eq!(replaced.stderr, "replaced `secret:canvas/client-id`\n");
    project.ok(&["secret", "remove", "canvas/client-id"]);
    assert_eq!(project.ok(&["secret", "list"]), "");

    let set = project.run_with("x", &["secret", "set", "a", "--json"]);
    assert_eq!(
        (set.stdout.as_str(), set.stderr.as_str()),
        ("{\"name\":\"a\",\"replaced\":false}\n", "")
    );
    let removed = project.json(&["secret", "remove", "a"]);
    assert_eq!(removed, serde_json::json!({"name": "a", "removed": true}));
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let project = Project::new();
    assert!(project.run_with("\n", &["secret", "set", "a"]).stderr.contains("the value is empty"));
    for name in ["../a", "/etc/passwd", "a b"] {
        assert!(
            project.fails(2, &["secret", "set", name]).contains("the name of a secret"),
            "{name}"
        );
    }
    project.run_with("x", &["secret", "set", "canvas/client-id"]);
    let says = project.fails(3, &["secret", "remove", "canvas/client-di"]);
    assert!(says.contains("hint: did you mean `canvas/client-id`?"), "{says}");
    // A value on the command line could be seen by everybody: there is no such argument.
    project.fails(2, &["secret", "set", "a", "value"]);
}

#[test]
fn a_value_is_asked_for_on_a_terminal_and_not_shown_there() {
    let Some(python) = provided("STEPWELL_PYTHON") else { return };
    let project = Project::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/prompt.py");
    let set = [env!("CARGO_BIN_EXE_stepwell"), "secret", "set", "canvas/client-secret"];
    let output = Command::new(python)
        .arg(script)
        .arg(VALUE)
        .args(set)
        .current_dir(project.path())
        .env_clear()
        .output()
        .unwrap();
    let ended = ended(output);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.stdout,
        "value of `secret:canvas/client-secret` (not shown): \r\nset `secret:canvas/client-secret`\r\n"
    );
    assert_eq!(project.ok(&["secret", "list"]), "canvas/client-secret\n");
    assert_eq!(project.files_with(VALUE), [] as [&str; 0]);
}
