//! What AWS accepted, we accept: the definitions of the recorded corpus, if it is at hand.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the folder with the `*.jsonl` files.

use serde_json::Value;

/// The cases of one group, or nothing where there is no corpus.
fn cases(group: &str) -> Option<Vec<Value>> {
    let Some(folder) = std::env::var_os("STEPWELL_CONFORMANCE_DIR") else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        }
        return None;
    };
    let path = std::path::Path::new(&folder).join(format!("{group}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("the corpus has this group");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect())
}

#[test]
fn recorded_definitions_are_accepted() {
    let groups =
        ["choice", "dataflow", "intrinsics", "wait", "map", "parallel", "error-handling", "lambda"];
    for group in groups {
        for case in cases(group).unwrap_or_default() {
            let text = case["definition"].to_string();
            let refused_by_name = ["JSONata", "Assign", "DISTRIBUTED", "Credentials"];
            if refused_by_name.iter().any(|feature| text.contains(feature)) {
                continue;
            }
            let text = text.replace("[[partition]]", "aws").replace("[[region]]", "us-east-1");
            let (machine, findings) = stepwell_asl::parse(&text);
            assert!(machine.is_some(), "{}: {findings:#?}", case["id"]);
        }
    }
}
