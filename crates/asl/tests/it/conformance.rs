//! What AWS accepted, we accept, and what it answered, we answer: the recorded corpus, if it is at hand.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the folder with the `*.jsonl` files. Executions that need more than the
//! language are the interpreter's to repeat.

use serde_json::Value;

/// The cases of one group that are written in what is supported, or nothing where there is no corpus.
fn cases(group: &str) -> Vec<(String, Value)> {
    let Some(folder) = std::env::var_os("STEPWELL_CONFORMANCE_DIR") else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        }
        return Vec::new();
    };
    let path = std::path::Path::new(&folder).join(format!("{group}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("the corpus has this group");
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    cases
        .filter_map(|case| {
            let definition = case["definition"]
                .to_string()
                .replace("[[partition]]", "aws")
                .replace("[[region]]", "us-east-1");
            let unsupported = ["DISTRIBUTED", "Credentials"];
            let supported = !unsupported.iter().any(|feature| definition.contains(feature));
            supported.then_some((definition, case))
        })
        .collect()
}

#[test]
fn recorded_definitions_are_accepted() {
    let groups = [
        "activity",
        "callback",
        "choice",
        "dataflow",
        "error-handling",
        "intrinsics",
        "jsonata",
        "lambda",
        "map",
        "parallel",
        "variables",
        "wait",
    ];
    for group in groups {
        for (definition, case) in cases(group) {
            let (machine, findings) = stepwell_asl::parse(&definition);
            assert!(machine.is_some(), "{}: {findings:#?}", case["id"]);
        }
    }
}
