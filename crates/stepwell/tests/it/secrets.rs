//! `stepwell secret`

use std::os::unix::fs::PermissionsExt;

use crate::support::Project;

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
