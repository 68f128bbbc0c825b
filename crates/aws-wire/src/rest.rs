//! The protocol of S3: what an action is called with stands in the path, the query, the headers and an XML body.
//!
//! Between the two a service sees the same JSON as of the other protocols. Where a member stands is said by [`Operation`]s;
//! a query or an `x-amz-` header that the operation does not have is refused by its name.
//!
//! Source: Smithy specification, "AWS restXml protocol".

use std::fmt::Write as _;

use http::request::Parts;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::Event;
use serde_json::{Map, Value};

use crate::ServiceError;

/// An action and where its members stand.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// `ListObjectsV2`
    pub action: &'static str,
    /// `GET`
    pub method: &'static str,
    /// What the path names.
    pub level: Level,
    /// What must be in the query, by which it is told from others: `list-type`.
    pub marker: Option<&'static str>,
    /// A header by which it is told from others: `x-amz-copy-source`.
    pub marker_header: Option<&'static str>,
    /// Members in the query.
    pub query: &'static [Member],
    /// Members in headers.
    pub headers: &'static [Member],
    /// Of a good answer.
    pub status: u16,
    /// Members of the answer that stand in headers.
    pub answer_headers: &'static [Member],
    /// The XML element of the others; none if there is no body, or one that is no XML.
    pub root: Option<&'static str>,
}

/// A member: its name, where it stands, and what it is.
pub type Member = (&'static str, &'static str, Kind);

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Bool,
    /// An instant: `Sun, 01 Mar 2026 09:00:00 GMT` in headers, `2026-03-01T09:00:00Z` in JSON.
    Time,
    /// All headers that begin so: `x-amz-meta-`.
    Map,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `/`
    Service,
    /// `/bucket`
    Bucket,
    /// `/bucket/key`
    Object,
}

/// Parts of the query that say who asks.
const IGNORED_QUERY: &[&str] = &["x-id", "AWSAccessKeyId", "Signature", "Expires"];

/// Headers that say who asks, and how the body comes.
const IGNORED_HEADERS: &[&str] = &[
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// The bucket and the key of a path, and of a host that begins with the bucket.
pub fn place(request: &Parts, bucket_of_host: Option<&str>) -> (Option<String>, Option<String>) {
    let path = request.uri.path().trim_start_matches('/');
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let named = |text: &str| (!text.is_empty()).then(|| decode(text));
    if let Some(bucket) = bucket_of_host {
        return (Some(bucket.to_owned()), named(path));
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (named(bucket), named(key))
}

/// Which of the operations a request means, and its members but for those of the body.
///
/// # Errors
/// `MethodNotAllowed`, `NotImplemented`, `InvalidArgument`
pub fn read<'o>(
    request: &Parts,
    level: Level,
    operations: &'o [Operation],
) -> Result<(&'o Operation, Map<String, Value>), ServiceError> {
    let query = pairs(request.uri.query().unwrap_or_default());
    let has_query = |name: &str| query.iter().any(|(other, _)| other == name);
    let fits = |operation: &&Operation| {
        operation.method == request.method.as_str()
            && operation.level == level
            && operation.marker.is_none_or(has_query)
            && operation.marker_header.is_none_or(|name| request.headers.contains_key(name))
    };
    // The first that fits: those with markers stand before those without.
    let operation = operations.iter().find(fits).ok_or_else(|| {
        let message = "The specified method is not allowed against this resource.";
        ServiceError::sender("MethodNotAllowed", message).with_status(405)
    })?;
    let mut input = Map::new();
    for (name, text) in &query {
        let member = operation.query.iter().find(|(_, at, _)| at == name);
        match member {
            Some((member, _, kind)) => {
                input.insert((*member).to_owned(), value(name, text, *kind)?);
            }
            None if operation.marker == Some(name.as_str()) => {}
            None if IGNORED_QUERY.contains(&name.as_str()) || name.starts_with("X-Amz-") => {}
            None => return Err(not_implemented(name)),
        }
    }
    read_headers(request, operation, &mut input)?;
    Ok((operation, input))
}

fn read_headers(
    request: &Parts,
    operation: &Operation,
    input: &mut Map<String, Value>,
) -> Result<(), ServiceError> {
    for (name, text) in &request.headers {
        let (name, text) = (name.as_str(), String::from_utf8_lossy(text.as_bytes()));
        let member = operation.headers.iter().find(|(_, at, kind)| match kind {
            Kind::Map => name.starts_with(at),
            _ => *at == name,
        });
        match member {
            Some((member, at, Kind::Map)) => {
                let all = input.entry(*member).or_insert_with(|| Value::Object(Map::new()));
                all[&name[at.len()..]] = text.into_owned().into();
            }
            Some((member, _, kind)) => {
                input.insert((*member).to_owned(), value(name, &text, *kind)?);
            }
            None if name.starts_with("x-amz-") && !IGNORED_HEADERS.contains(&name) => {
                return Err(not_implemented(name));
            }
            None => {}
        }
    }
    Ok(())
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn value(name: &str, text: &str, kind: Kind) -> Result<Value, ServiceError> {
    let invalid = || {
        let message = format!("Provided {name} not an integer or within integer range");
        ServiceError::sender("InvalidArgument", message)
            .with_member("ArgumentName", name)
            .with_member("ArgumentValue", text)
    };
    Ok(match kind {
        Kind::Text | Kind::Time | Kind::Map => text.into(),
        Kind::Number => text.parse::<u64>().map_err(|_| invalid())?.into(),
        Kind::Bool => text.eq_ignore_ascii_case("true").into(),
    })
}

fn not_implemented(name: &str) -> ServiceError {
    let message = format!(
        "A header or query you provided implies functionality that is not implemented by stepwell: {name}"
    );
    ServiceError::sender("NotImplemented", message).with_status(501)
}

/// An element of an XML body.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Element {
    /// Without a prefix.
    pub name: String,
    /// Between its tags.
    pub text: String,
    /// In it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The text of the child with a name.
    pub fn child(&self, name: &str) -> Option<&str> {
        let found = self.children.iter().find(|child| child.name == name);
        found.map(|child| child.text.as_str())
    }
}

/// How deep elements may be in one another; nothing that S3 has is nested so deeply.
const DEPTH_MAX: usize = 16;

/// Reads an XML body; none if it is empty.
///
/// # Errors
/// `MalformedXML`
pub fn parse(body: &[u8]) -> Result<Option<Element>, ServiceError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(tag) => {
                let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                open.push(Element { name, ..Element::default() });
                if open.len() > DEPTH_MAX {
                    return Err(malformed());
                }
            }
            Event::Empty(tag) => {
                let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                let element = Element { name, ..Element::default() };
                open.last_mut().ok_or_else(malformed)?.children.push(element);
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(element);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| malformed())?;
                open.last_mut().ok_or_else(malformed)?.text.push_str(&text);
            }
            Event::GeneralRef(name) => {
                let name = name.decode().map_err(|_| malformed())?;
                let reference = format!("&{name};");
                let text = unescape(&reference).map_err(|_| malformed())?;
                open.last_mut().ok_or_else(malformed)?.text.push_str(&text);
            }
            Event::CData(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                open.last_mut().ok_or_else(malformed)?.text.push_str(&text);
            }
            Event::Eof => break,
            Event::DocType(_) => return Err(malformed()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    match open.as_mut_slice() {
        [root] if root.children.len() == 1 => Ok(root.children.pop()),
        _ => Err(malformed()),
    }
}

fn malformed() -> ServiceError {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema";
    ServiceError::sender("MalformedXML", message)
}

/// The XML of an answer, whose root has members or only text. A list becomes one element for each of its items, named by `item_name`.
pub fn document(
    root: &str,
    namespace: &str,
    members: &Value,
    item_name: &dyn Fn(&str) -> String,
) -> String {
    let mut xml =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{namespace}\">");
    for (name, value) in members.as_object().into_iter().flatten() {
        element(&mut xml, name, value, item_name);
    }
    xml.push_str(&escape(members.as_str().unwrap_or_default()));
    let _ = write!(xml, "</{root}>");
    xml
}

fn element(xml: &mut String, name: &str, value: &Value, item_name: &dyn Fn(&str) -> String) {
    match value {
        Value::Array(items) => {
            let name = item_name(name);
            for item in items {
                element(xml, &name, item, item_name);
            }
        }
        Value::Object(members) => {
            let _ = write!(xml, "<{name}>");
            for (name, value) in members {
                element(xml, name, value, item_name);
            }
            let _ = write!(xml, "</{name}>");
        }
        Value::String(text) => {
            let _ = write!(xml, "<{name}>{}</{name}>", escape(text));
        }
        Value::Null => {}
        other => {
            let _ = write!(xml, "<{name}>{other}</{name}>");
        }
    }
}

/// The XML of an error.
pub fn error_body(error: &ServiceError, request_id: &str, host_id: &str) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".to_owned();
    let told = [("Code", &error.code), ("Message", &error.message)];
    for (name, text) in told {
        let _ = write!(xml, "<{name}>{}</{name}>", escape(text));
    }
    for (name, value) in &error.members {
        element(&mut xml, name, value, &str::to_owned);
    }
    let _ = write!(xml, "<RequestId>{}</RequestId>", escape(request_id));
    let _ = write!(xml, "<HostId>{}</HostId></Error>", escape(host_id));
    xml
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OPERATIONS: &[Operation] = &[Operation {
        action: "List",
        method: "GET",
        level: Level::Bucket,
        marker: Some("list-type"),
        marker_header: None,
        query: &[("MaxKeys", "max-keys", Kind::Number), ("Prefix", "prefix", Kind::Text)],
        headers: &[("Metadata", "x-amz-meta-", Kind::Map)],
        status: 200,
        answer_headers: &[],
        root: Some("ListBucketResult"),
    }];

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn members_stand_in_the_query_and_the_headers() {
        let request = request(
            "/b?list-type=2&max-keys=3&prefix=a%2Fb+c&x-id=List",
            &[("x-amz-meta-a", "1"), ("x-amz-date", "now"), ("accept", "x")],
        );
        assert_eq!(place(&request, None), (Some("b".to_owned()), None));
        let (operation, input) = read(&request, Level::Bucket, OPERATIONS).unwrap();
        assert_eq!(operation.action, "List");
        let expected = json!({"MaxKeys": 3, "Prefix": "a/b c", "Metadata": {"a": "1"}});
        assert_eq!(Value::Object(input), expected);
    }

    #[test]
    fn what_an_operation_does_not_have_is_refused_by_its_name() {
        let refused = |uri: &str, headers: &[(&str, &str)]| {
            read(&request(uri, headers), Level::Bucket, OPERATIONS).unwrap_err()
        };
        assert_eq!(refused("/b", &[]).code, "MethodNotAllowed");
        assert!(refused("/b?list-type=2&acl", &[]).message.ends_with("acl"));
        assert!(
            refused("/b?list-type=2", &[("x-amz-acl", "private")]).message.ends_with("x-amz-acl")
        );
        assert_eq!(refused("/b?list-type=2&max-keys=x", &[]).code, "InvalidArgument");
    }

    #[test]
    fn xml_is_read_and_written() {
        let body = b"<?xml version=\"1.0\"?><Delete xmlns=\"x\"><Object><Key>a &amp; b</Key></Object><Quiet/></Delete>";
        let root = parse(body).unwrap().unwrap();
        assert_eq!((&*root.name, root.children.len()), ("Delete", 2));
        assert_eq!(root.children[0].child("Key"), Some("a & b"));
        assert_eq!(parse(b" ").unwrap(), None);
        for bad in [&b"<a>"[..], b"text", b"<a></b>", b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"]
        {
            assert_eq!(
                parse(bad).unwrap_err().code,
                "MalformedXML",
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
        let answer =
            json!({"Name": "b", "Contents": [{"Key": "<"}, {"Key": "k", "Size": 1}], "Gone": null});
        let xml = document("R", "n", &answer, &|name| name.to_owned());
        let expected = "<R xmlns=\"n\"><Name>b</Name><Contents><Key>&lt;</Key></Contents><Contents><Key>k</Key><Size>1</Size></Contents></R>";
        assert!(xml.ends_with(expected), "{xml}");
    }
}
