//! Pieces of HTML. Text becomes HTML in one place, [`Html::text`], which escapes it.

use std::fmt::{self, Display, Write as _};

/// A finished piece of HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// A text, escaped: it can stand between tags and in an attribute.
    pub fn text(text: impl Display) -> Self {
        let mut html = String::new();
        for character in text.to_string().chars() {
            match character {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                // Not allowed in a document, not even escaped.
                '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}' => {
                    html.push('\u{fffd}');
                }
                _ => html.push(character),
            }
        }
        Self(html)
    }

    /// The pieces, one after the other.
    pub fn join(pieces: impl IntoIterator<Item = impl Into<Self>>) -> Self {
        let mut all = Self::default();
        pieces.into_iter().for_each(|piece| all.push(piece));
        all
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: impl Into<Self>) {
        self.0.push_str(&piece.into().0);
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An element: its name, its attributes, what is in it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Element {
    name: &'static str,
    attributes: String,
    inner: Html,
}

/// Elements that have nothing in them and no end tag.
const VOID: &[&str] = &["br", "hr", "img", "meta", "link"];

/// `<name></name>`, for instance `element("p").class("lead").text("2 < 3")`.
pub fn element(name: &'static str) -> Element {
    Element { name, attributes: String::new(), inner: Html::default() }
}

impl Element {
    /// Adds ` name="value"`.
    pub fn attribute(mut self, name: &'static str, value: impl Display) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", Html::text(value));
        self
    }

    /// Adds ` class="class"`.
    pub fn class(self, class: &str) -> Self {
        self.attribute("class", class)
    }

    /// Adds an escaped text.
    pub fn text(self, text: impl Display) -> Self {
        self.child(Html::text(text))
    }

    /// Adds a piece.
    pub fn child(mut self, child: impl Into<Html>) -> Self {
        self.inner.push(child);
        self
    }

    /// Adds pieces.
    pub fn children(self, children: impl IntoIterator<Item = impl Into<Html>>) -> Self {
        self.child(Html::join(children))
    }
}

impl From<Element> for Html {
    fn from(element: Element) -> Self {
        let Element { name, attributes, inner } = element;
        if VOID.contains(&name) {
            return Self(format!("<{name}{attributes}>"));
        }
        Self(format!("<{name}{attributes}>{inner}</{name}>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let html: Html = element("p").attribute("title", "\" onclick=\"x").text("<b>&'").into();
        assert_eq!(html.to_string(), "<p title=\"&quot; onclick=&quot;x\">&lt;b&gt;&amp;&#39;</p>");
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(Html::text("a\u{0}b\tc\n").to_string(), "a\u{fffd}b\tc\n");
    }

    #[test]
    fn a_void_element_has_no_end_tag() {
        let html: Html = element("meta").attribute("charset", "utf-8").into();
        assert_eq!(html.to_string(), "<meta charset=\"utf-8\">");
    }
}
