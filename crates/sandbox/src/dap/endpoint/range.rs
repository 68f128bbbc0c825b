//! `Range` and `If-Match` of a download, as S3 answers them.
//!
//! One range at most: what names several, or cannot be read, is answered with the whole file.
//!
//! Source: Amazon S3 API, `GetObject`; RFC 9110, "Range Requests", "If-Match".

use axum::http::{HeaderMap, HeaderName, header};

/// Which bytes of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// From the first up to, but not including, the second.
    Part(u64, u64),
    /// Nothing of the file is in the range.
    Unsatisfiable,
}

/// What `Range` asks for of a file with so many bytes.
pub(super) fn wanted(headers: &HeaderMap, bytes: u64) -> Wanted {
    let range = text(headers, &header::RANGE).and_then(|it| it.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|it| it.split_once('-')) else { return Wanted::Whole };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, bytes.min(last.saturating_add(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, bytes),
        (Err(_), Ok(length)) if first.is_empty() => (bytes.saturating_sub(length), bytes),
        _ => return Wanted::Whole,
    };
    if start < end { Wanted::Part(start, end) } else { Wanted::Unsatisfiable }
}

/// Whether the file is none of those that `If-Match` names.
pub(super) fn is_another(headers: &HeaderMap, etag: &str) -> bool {
    text(headers, &header::IF_MATCH)
        .is_some_and(|tags| tags != "*" && tags.split(',').all(|tag| tag.trim() != etag))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().expect("a header"))].into_iter().collect()
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        let wanted = |range| wanted(&of(header::RANGE, range), 100);
        assert_eq!(wanted("bytes=0-0"), Wanted::Part(0, 1));
        assert_eq!(wanted("bytes=40-"), Wanted::Part(40, 100));
        assert_eq!(wanted("bytes=90-200"), Wanted::Part(90, 100));
        assert_eq!(wanted("bytes=-30"), Wanted::Part(70, 100));
        assert_eq!(wanted("bytes=-300"), Wanted::Part(0, 100));
        assert_eq!(wanted("bytes=100-"), Wanted::Unsatisfiable);
        for unread in ["bytes=5-4", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=x-"] {
            assert_eq!(wanted(unread), Wanted::Whole, "{unread}");
        }
    }

    #[test]
    fn only_what_matches_is_the_same() {
        let another = |tags| is_another(&of(header::IF_MATCH, tags), "\"a\"");
        assert!(!another("\"a\"") && !another("\"b\", \"a\"") && !another("*"));
        assert!(another("\"b\"") && another("W/\"a\""));
    }
}
