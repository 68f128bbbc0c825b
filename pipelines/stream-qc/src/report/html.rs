//! HTML by hand: escaped texts, and the frame of a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");

/// A text between tags or in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A whole page. `body` is HTML.
pub(super) fn page(title: &str, body: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A table with a caption for those who hear it.
pub(super) fn table(
    caption: &str,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let row = |cells: &[String]| format!("<tr>{}</tr>\n", tagged("td", "", cells));
    let rows: Vec<_> = rows.into_iter().map(|cells| row(&cells)).collect();
    format!(
        "<div class=\"scroll\"><table><caption>{}</caption><thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
        escape(caption),
        tagged("th", " scope=\"col\"", header),
        rows.concat()
    )
}

fn tagged(tag: &str, attributes: &str, cells: &[impl std::fmt::Display]) -> String {
    let cells: Vec<_> = cells.iter().map(|it| format!("<{tag}{attributes}>{it}</{tag}>")).collect();
    cells.concat()
}

/// The name of a stream's page: its ids as far as every file system takes them, and a digest that keeps apart what they leave out.
pub(super) fn file_name(group: &str, stream: &str) -> String {
    let plain = |text: &str| -> String {
        let kept = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
        text.chars().take(60).map(kept).collect()
    };
    let digest = hex::encode(&Sha256::digest(format!("{}:{group}{stream}", group.len()))[..4]);
    format!("{}-{}-{digest}.html", plain(group), plain(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_style_that_is_there_and_nothing_is_inline_beside_it() {
        let page = page("<script>", "");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(!STYLE.contains('<') && !page.contains("style=\"") && !page.contains("http://"));
    }

    #[test]
    fn names_of_pages_are_plain_and_differ() {
        let names = [("a", "b"), ("a/b", ""), ("a b", ""), ("ab", ""), ("a", "../b")];
        let names: std::collections::BTreeSet<_> =
            names.iter().map(|(group, stream)| file_name(group, stream)).collect();
        assert_eq!(names.len(), 5);
        assert!(names.iter().all(|it| !it.contains('/') && !it.contains("..")), "{names:?}");
    }
}
