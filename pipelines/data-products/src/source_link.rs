//! The source link: the link in Galaxy by which a product says where it comes from.
//!
//! ```json
//! {"name":"dp_sync/SourceCluster","uri":"https://sep.example.org/#7f0f..."}
//! ```
//!
//! The reference writes the host alone, so that a product of its making is told by its name. Together with the tag on
//! the schema the link is the proof of ownership. Two sources that share a tag never touch each other's products.

use reqwest::Url;

use crate::config::access::Terms;
use crate::galaxy::Link;

/// Where a product comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This source, and the id that the product has there.
    Ours(String),
    /// This source, by the reference: it kept no id.
    OursUnnamed,
    /// Anywhere else, or nowhere.
    Foreign,
}

/// The link of a product of this source.
pub(crate) fn source_link(terms: &Terms, id: &str) -> Link {
    Link { name: name(terms), uri: format!("{}/#{id}", terms.source) }
}

/// What the links of a product say.
pub(crate) fn origin(terms: &Terms, links: &[Link]) -> Origin {
    let name = name(terms);
    let found =
        links.iter().filter(|link| link.name == name).filter_map(|link| Url::parse(&link.uri).ok());
    let source = Url::parse(&terms.source).ok().and_then(|url| host(&url));
    let mut ours = found.filter(|url| host(url).is_some() && host(url) == source);
    match ours.next() {
        Some(url) => url
            .fragment()
            .filter(|id| !id.is_empty())
            .map_or(Origin::OursUnnamed, |id| Origin::Ours(id.to_owned())),
        None => Origin::Foreign,
    }
}

fn name(terms: &Terms) -> String {
    format!("{}/SourceCluster", terms.tag)
}

/// The scheme does not count: the reference always writes `https`.
fn host(url: &Url) -> Option<String> {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    url.host_str().map(|host| format!("{host}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::terms;

    fn origin_of(uri: &str) -> Origin {
        let link = Link { name: "dp_sync/SourceCluster".to_owned(), uri: uri.to_owned() };
        origin(&terms(), &[link])
    }

    #[test]
    fn our_link_carries_host_and_id() {
        let link = source_link(&terms(), "7f-1");
        assert_eq!(link.uri, "https://sep.example.org/#7f-1");
        assert_eq!(origin(&terms(), &[link]), Origin::Ours("7f-1".to_owned()));
    }

    #[test]
    fn the_references_link_is_ours_without_an_id() {
        assert_eq!(origin_of("https://sep.example.org"), Origin::OursUnnamed);
        assert_eq!(origin_of("http://SEP.example.org/"), Origin::OursUnnamed);
    }

    #[test]
    fn another_host_port_name_or_no_link_is_foreign() {
        for uri in
            ["https://other.example.org/#1", "https://sep.example.org:8443/#1", "nonsense", ""]
        {
            assert_eq!(origin_of(uri), Origin::Foreign, "{uri}");
        }
        let link = Link {
            name: "other/SourceCluster".to_owned(),
            uri: "https://sep.example.org/#1".to_owned(),
        };
        assert_eq!(origin(&terms(), &[link]), Origin::Foreign);
        assert_eq!(origin(&terms(), &[]), Origin::Foreign);
    }
}
