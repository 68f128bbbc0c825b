//! `stepwell explain CODE`

use clap::Args;
use serde_json::json;

use super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use stepwell_asl::suggest::closest;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Print the page behind an error code
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, for instance `SW0104`; without one, the codes are listed
    code: Option<String>,
}

impl Explain {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let Some(code) = self.code else {
            return list(global);
        };
        let code = code.to_uppercase();
        let Some((_, page)) = PAGES.iter().find(|(known, _)| *known == code) else {
            return Err(unknown(&code));
        };
        if global.json {
            return Ok(output::json(&json!({ "code": code, "title": title(page), "page": page }))?);
        }
        Ok(output::line(page.trim_end())?)
    }
}

/// `[{"code":"SW0104","title":"..."}]`
fn list(global: &Global) -> Outcome {
    if global.json {
        let entry = |(code, page): &(&str, &str)| json!({ "code": code, "title": title(page) });
        return Ok(output::json(&PAGES.iter().map(entry).collect::<Vec<_>>())?);
    }
    let line = |(code, page): &(&str, &str)| output::line(format_args!("{code}  {}", title(page)));
    Ok(PAGES.iter().try_for_each(line)?)
}

/// The first line, without its `# CODE: `.
fn title(page: &str) -> &str {
    let first = page.lines().next().unwrap_or_default().trim_start_matches("# ");
    first.split_once(": ").map_or(first, |(_, title)| title)
}

fn unknown(code: &str) -> Failure {
    let known: Vec<_> = PAGES.iter().map(|(code, _)| *code).collect();
    let failure = Failure::message(Exit::Refused, format!("there is no error code `{code}`"));
    match closest(code, known) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint("`stepwell explain` without a code lists them"),
    }
}
