//! What no line of ours may hold: unfinished work, skipped tests, sleeps in tests, paths of one machine.

use anyhow::Result;

use super::Finding;
use crate::repository::{Repository, SourceFile};

/// Longer files are reported: a file holds one idea.
const LINES_MAX: usize = 700;

/// Never in code.
const UNFINISHED: &[(&str, &str)] = &[
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
    ("dbg!(", "use `tracing`"),
    ("#[ignore", "assert today's behaviour and say what is wrong with it, or delete the test"),
    ("#[allow(", "use `#[expect(..., reason = \"...\")]`"),
];

/// Never in any text: paths of one machine and hosts of registries. Split, so that this file does not hold them.
const BOUND_TO_A_MACHINE: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "name it from the root of the repository"),
    (concat!("/ro", "ot/"), "name it from the root of the repository"),
    (concat!("/ho", "me/"), "use `~/`"),
    (concat!("/Us", "ers/"), "use `~/`"),
    (concat!("../sha", "red"), "only .ci/run looks beside the repository"),
    (concat!("py", "pi.org"), "name packages, not hosts"),
    (concat!("registry.np", "mjs.org"), "name packages, not hosts"),
    (concat!("static.cra", "tes.io"), "name packages, not hosts"),
    (concat!("deb.deb", "ian.org"), "name packages, not hosts"),
];

/// A sleep is allowed in a test helper that polls, recognised by how its name begins.
const POLLING: &[&str] = &["eventually", "poll", "until", "wait_"];

pub(super) fn check(repository: &Repository) -> Result<Vec<Finding>> {
    Ok(repository.files()?.iter().flat_map(problems).collect())
}

/// The files that are longer than a file should be.
pub(super) fn long_files(repository: &Repository) -> Result<Vec<Finding>> {
    let long = |file: &SourceFile| {
        let lines = file.text.lines().count();
        let problem = format!("{lines} lines, more than {LINES_MAX}: does it hold one idea?");
        (file.is("rs") && lines > LINES_MAX).then(|| Finding::new(&file.path, problem))
    };
    Ok(repository.files()?.iter().filter_map(long).collect())
}

/// The lines of code that are part of the product, numbered from 1: no comments, no texts, no tests.
pub(super) fn product_lines(file: &SourceFile) -> impl Iterator<Item = (usize, String)> {
    lines_of_code(&file.text).take_while(|(_, code)| !code.trim_start().starts_with("#[cfg(test)]"))
}

fn problems(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    if !(file.path == "Cargo.lock" || file.path == ".ci/run") {
        let lines = file.text.lines().map(str::to_owned).enumerate();
        found.extend(forbidden(lines.map(|(index, line)| (index + 1, line)), BOUND_TO_A_MACHINE));
    }
    if file.is("rs") {
        found.extend(forbidden(lines_of_code(&file.text), UNFINISHED));
        found.extend(sleeps_in_tests(file));
    }
    found
        .into_iter()
        .map(|(line, problem)| Finding::new(format!("{}:{line}", file.path), problem))
        .collect()
}

fn forbidden(
    lines: impl Iterator<Item = (usize, String)>,
    words: &[(&str, &str)],
) -> Vec<(usize, String)> {
    lines
        .filter_map(|(number, line)| {
            let (word, instead) = words.iter().find(|(word, _)| line.contains(word))?;
            Some((number, format!("`{word}`: {instead}")))
        })
        .collect()
}

fn sleeps_in_tests(file: &SourceFile) -> Vec<(usize, String)> {
    let paused = file.text.contains("start_paused") || file.text.contains("time::pause()");
    let mut in_tests = file.path.contains("/tests/");
    let mut in_poller = false;
    let mut found = Vec::new();
    for (number, code) in lines_of_code(&file.text) {
        in_tests |= code.trim_start().starts_with("#[cfg(test)]");
        if let Some((_, name)) = code.split_once("fn ") {
            in_poller = POLLING.iter().any(|polling| name.starts_with(polling));
        }
        if in_tests && !paused && !in_poller && code.contains("sleep(") {
            let instead = "a test does not sleep: move a manual clock, pause tokio's, or poll in a `wait_...` helper";
            found.push((number, instead.to_owned()));
        }
    }
    found
}

/// The lines of a file without what is in comments and texts, numbered from 1.
///
/// Good enough for our own sources, which are formatted: a text that spans lines keeps its lines.
fn lines_of_code(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, code_of(line)))
}

fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut in_text = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_text => drop(characters.next()),
            '"' => in_text = !in_text,
            '/' if !in_text && characters.peek() == Some(&'/') => break,
            _ if in_text => {}
            _ => code.push(character),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.into(), text: text.into() };
        problems(&file).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn unfinished_code_is_found_but_not_in_comments_and_texts() {
        let text = "// todo!()\nlet a = \"todo!()\";\ntodo!()\n#[ignore]\n";
        assert_eq!(found("src/a.rs", text), ["src/a.rs:3", "src/a.rs:4"]);
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_any_text() {
        let text = format!("see\n{}", BOUND_TO_A_MACHINE[0].0);
        assert_eq!(found("README.md", &text), ["README.md:2"]);
    }

    #[test]
    fn a_test_does_not_sleep() {
        let sleeping = "async fn a() {\n    tokio::time::sleep(x).await;\n}";
        assert_eq!(found("crates/a/tests/it/b.rs", sleeping), ["crates/a/tests/it/b.rs:2"]);
        assert_eq!(found("crates/a/src/b.rs", sleeping), [""; 0]);
        assert_eq!(found("crates/a/src/b.rs", &format!("#[cfg(test)]\n{sleeping}")).len(), 1);
    }

    #[test]
    fn a_helper_that_polls_may_sleep() {
        let polling = "fn wait_for(x: X) {\n    thread::sleep(x);\n}";
        assert_eq!(found("crates/a/tests/it/b.rs", polling), [""; 0]);
    }

    #[test]
    fn quotes_and_comments_are_told_apart() {
        assert_eq!(code_of(r#"a("x\"//y") // z"#), "a() ");
    }
}
