//! Lists: bare arrays in pages, with a link to the next one while there is one.
//!
//! A page is cut from the list as it is at that moment: what is created or deleted between two pages moves the cut.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::Value;

use crate::dmm::problem::Problem;

/// Source: the OpenAPI document; the least size is 2, too.
const SIZES: std::ops::RangeInclusive<usize> = 2..=10_000;

const DEFAULT_SIZE: usize = 1_000;

/// The parameters of a list, each given once.
pub(super) type Query = BTreeMap<String, String>;

/// Which page.
pub(super) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// `p` counts from 0. A list without `pageSize` has pages of at most 1,000.
    pub(super) fn of(query: &Query) -> Result<Self, Problem> {
        let number = |name: &str, default: usize| {
            let wrong =
                || Problem::new(StatusCode::BAD_REQUEST, format!("{name} must be a number"));
            query.get(name).map_or(Ok(default), |text| text.parse().map_err(|_| wrong()))
        };
        let page = Self { number: number("p", 0)?, size: number("pageSize", DEFAULT_SIZE)? };
        if !SIZES.contains(&page.size) {
            let detail = "pageSize must be from 2 to 10000";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        Ok(page)
    }

    /// The answer; `path` is the list's own URL without its parameters.
    pub(super) fn cut(&self, path: &str, query: &Query, all: Vec<Value>) -> Response {
        let start = self.number.saturating_mul(self.size);
        let has_more = all.len() > start.saturating_add(self.size);
        let page: Vec<_> = all.into_iter().skip(start).take(self.size).collect();
        let mut response = Json(page).into_response();
        if has_more {
            let link = format!("<{}>; rel=\"next\"", self.next(path, query));
            let link = link.parse().expect("what came in a URL fits a header");
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    fn next(&self, path: &str, query: &Query) -> String {
        let others = query.iter().filter(|(name, _)| *name != "p");
        let start = format!("{path}?p={}", self.number + 1);
        others.fold(start, |url, (name, value)| format!("{url}&{}={}", encode(name), encode(value)))
    }
}

pub(super) fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
