//! The frame of a page: head, policy, style, navigation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::html::{Html, element};

/// Nothing in it needs escaping, or its hash would be another one in the page.
const STYLE: &str = include_str!("page.css");

/// A whole document.
///
/// Its content security policy allows its own style sheet, by hash, and nothing else.
#[derive(Debug, Clone)]
#[must_use]
pub struct Page {
    title: String,
    links: Vec<(String, String)>,
    lead: Html,
    sections: Html,
}

impl Page {
    /// An empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            links: Vec::new(),
            lead: Html::default(),
            sections: Html::default(),
        }
    }

    /// Adds a link at the top, to a page beside this one (`index.html`) or to a place in it (`#orders`).
    pub fn link(mut self, text: impl Into<String>, target: impl Into<String>) -> Self {
        self.links.push((text.into(), target.into()));
        self
    }

    /// What stands below the title.
    pub fn lead(mut self, lead: impl Into<Html>) -> Self {
        self.lead.push(lead);
        self
    }

    /// Adds a section with a heading; `id` is its place for links.
    pub fn section(mut self, id: &str, heading: &str, body: impl Into<Html>) -> Self {
        let heading_id = format!("{id}-heading");
        let heading = element("h2").attribute("id", &heading_id).text(heading);
        let section = element("section").attribute("id", id);
        self.sections
            .push(section.attribute("aria-labelledby", heading_id).child(heading).child(body));
        self
    }

    /// The document as text.
    #[must_use]
    pub fn render(&self) -> String {
        let head = element("head")
            .child(element("meta").attribute("charset", "utf-8"))
            .child(
                element("meta")
                    .attribute("http-equiv", "Content-Security-Policy")
                    .attribute("content", policy()),
            )
            .child(
                element("meta")
                    .attribute("name", "viewport")
                    .attribute("content", "width=device-width, initial-scale=1"),
            )
            .child(element("title").text(&self.title))
            .child(element("style").text(STYLE));
        let main = element("main")
            .child(element("h1").text(&self.title))
            .child(element("div").class("lead").child(self.lead.clone()))
            .child(self.sections.clone());
        let body = element("body").child(self.navigation()).child(main);
        let html = element("html").attribute("lang", "en").child(head).child(body);
        format!("<!doctype html>\n{}\n", Html::from(html))
    }

    fn navigation(&self) -> Html {
        if self.links.is_empty() {
            return Html::default();
        }
        let link = |(text, target): &(String, String)| {
            element("li").child(element("a").attribute("href", target).text(text))
        };
        let list = element("ul").children(self.links.iter().map(link));
        element("nav").attribute("aria-label", "Pages").child(list).into()
    }
}

fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = Page::new("Lake <1>").link("All", "index.html").section(
            "orders",
            "orders",
            element("p").text("equal"),
        );
        let html = page.render();
        assert!(html.contains("<title>Lake &lt;1&gt;</title>"), "{html}");
        assert!(html.contains("default-src &#39;none&#39;"), "{html}");
        for word in ["http:", "https:", "<script", "style=", "url("] {
            assert!(!html.contains(word), "{word}");
        }
    }

    #[test]
    fn the_policy_has_the_hash_of_the_style_as_it_stands_in_the_page() {
        let html = Page::new("x").render();
        let style = html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
        let hash = STANDARD.encode(Sha256::digest(style.unwrap()));
        assert!(html.contains(&format!("sha256-{hash}")), "{html}");
    }
}
