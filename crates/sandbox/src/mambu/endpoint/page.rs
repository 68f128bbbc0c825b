//! Pages of records: by offset and limit, or by cursor.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::mambu::data::{Json, Row};
use crate::mambu::problem::Problem;
use crate::mambu::service::Service;

const LIMIT: usize = 50;
/// Source: the reference of version 1; version 2 behaves alike.
const LIMIT_MAX: usize = 1_000;

/// The parameters of a list, each given once.
pub(super) type Query = BTreeMap<String, String>;

/// Which page, and how much of each record.
pub(super) struct Page {
    offset: usize,
    limit: usize,
    with_details: bool,
    pub(super) full: bool,
}

impl Page {
    pub(super) fn of(service: &Service, query: &Query) -> Result<Self, Problem> {
        let number = |name: &str, default: usize, code, reason| {
            let wrong = |_| Problem::bad(code, reason, name);
            query.get(name).map_or(Ok(default), |text| text.parse::<usize>().map_err(wrong))
        };
        let is_negative = |name: &str| query.get(name).is_some_and(|text| text.starts_with('-'));
        if is_negative("offset") {
            return Err(Problem::bad(12, "OUT_OF_BOUNDS_PAGINATION_OFFSET_VALUE", "offset"));
        }
        let limit = number("limit", LIMIT, 13, "INVALID_PAGINATION_LIMIT_VALUE")?;
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::bad(14, "OUT_OF_BOUNDS_PAGINATION_LIMIT_VALUE", "limit"));
        }
        let says = |name: &str, value: &str| query.get(name).is_some_and(|it| it == value);
        Ok(Self {
            offset: number("offset", 0, 11, "INVALID_PAGINATION_OFFSET_VALUE")?,
            limit: limit.min(service.options.page_max),
            with_details: says("paginationDetails", "ON"),
            full: says("detailsLevel", "FULL"),
        })
    }

    /// The records of this page.
    pub(super) fn of_rows<'r, 't>(&self, rows: &'r [&'t Row]) -> &'r [&'t Row] {
        let start = self.offset.min(rows.len());
        let end = start.saturating_add(self.limit).min(rows.len());
        &rows[start..end]
    }

    /// The answer: a bare array.
    pub(super) fn cut(&self, service: &Service, rows: &[&Row]) -> Response {
        let mut response = array(service, self.of_rows(rows), self.full);
        if self.with_details {
            let numbers = [
                ("items-total", rows.len()),
                ("items-limit", self.limit),
                ("items-offset", self.offset),
            ];
            for (name, number) in numbers {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, HeaderValue::from(number));
            }
        }
        response
    }

    /// The page behind a cursor: behind the record that it names, wherever that is now.
    pub(super) fn behind(
        &self,
        service: &Service,
        rows: &[&Row],
        cursor: &str,
        field: &str,
    ) -> Result<Response, Problem> {
        let start = match cursor {
            "_" => 0,
            cursor => {
                let position =
                    Position::read(cursor).ok_or_else(|| Problem::parameters("cursor"))?;
                rows.partition_point(|row| Position::of(row, field) <= position)
            }
        };
        let end = start.saturating_add(self.limit).min(rows.len());
        let page = &rows[start..end];
        let next = match page.last() {
            Some(last) if end < rows.len() => Position::of(last, field).written(),
            _ => String::new(),
        };
        let mut response = array(service, page, self.full);
        let next = next.parse().expect("base64 fits a header");
        response.headers_mut().insert(HeaderName::from_static("items-next-cursor"), next);
        Ok(response)
    }
}

/// Where a record stands in the order of a cursor.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Position(String, String);

impl Position {
    fn of(row: &Row, field: &str) -> Self {
        let place = match row.value.get(field) {
            Some(Json::Time(time)) => format!("{:020}", time.as_second()),
            Some(Json::Number(number)) => format!("{number:020}"),
            Some(Json::Text(text)) => text.clone(),
            _ => String::new(),
        };
        Self(place, row.text("encodedKey").to_owned())
    }

    fn written(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\n{}", self.0, self.1))
    }

    fn read(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (place, key) = text.split_once('\n')?;
        Some(Self(place.to_owned(), key.to_owned()))
    }
}

fn array(service: &Service, rows: &[&Row], full: bool) -> Response {
    let mut body = String::from("[");
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        row.value.write(&service.style(place, full), &mut body);
    }
    body.push(']');
    json(body)
}

/// An answer in the service's own type.
pub(super) fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/vnd.mambu.v2+json")], body).into_response()
}
