//! The client of Data Mesh Manager (Entropy Data).
//!
//! ```text
//! Dmm -> call (attempts, waits) -> documents (accesses, data products, teams, events, as we need them)
//! ```
//!
//! Responsible for: speaking the protocol, waiting as the service wishes, retrying what a repeat can mend, errors
//! that say what to do. Left to others: what an event means, what an access leads to.
//!
//! Source: OpenAPI of the service (0.0.3), its documentation of events, access and provisioning.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_pipeline::Context;
use stepwell_pipeline::secret::{SecretRef, Secrets};

mod call;
mod document;
mod error;

pub use document::{Access, Consumer, Custom, Event, Port, Product, Team};
pub use error::{Error, Problem, Violation};

use call::{Gate, Request};

/// So many accesses are asked for at once.
const PAGE_SIZE: usize = 1000;

/// A listing is repeated until a pass brings nothing new, but not more often.
const PASSES_MAX: usize = 5;

/// The name that a provisioning record has of who provisioned.
pub const EXECUTOR: &str = "stepwell";

/// The type of a batch of events.
const EVENTS: &str = "application/cloudevents-batch+json";

/// A collection that holds agreements, or did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// `/api/access`, since 2024.
    #[default]
    Access,
    /// `/api/datausageagreements`, from September 2023 on.
    DataUsageAgreements,
    /// `/api/datacontracts`, before; today that is where schemas are.
    DataContracts,
}

impl Resource {
    /// All, the newest first.
    pub const ALL: [Self; 3] = [Self::Access, Self::DataUsageAgreements, Self::DataContracts];

    /// The segment of the path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::DataUsageAgreements => "datausageagreements",
            Self::DataContracts => "datacontracts",
        }
    }

    /// The one with that segment.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.path() == path)
    }

    /// Whether a document of the collection is an agreement: schemas never say who consumes and whether that is active.
    fn has(self, document: &Value) -> bool {
        self != Self::DataContracts
            || (document["info"]["active"].is_boolean() && document["consumer"].is_object())
    }
}

/// All agreements of the collection.
#[derive(Debug, Default)]
pub struct Listing {
    /// False if the collection cannot be listed: an old one may give single agreements only.
    pub is_there: bool,
    /// Those that can be read.
    pub accesses: Vec<Access>,
    /// What is wrong with the others.
    pub unread: Vec<String>,
}

/// A connection with one API key.
pub struct Dmm {
    http: reqwest::Client,
    base_url: Url,
    api_key: SecretRef,
    secrets: Arc<dyn Secrets>,
    resource: Resource,
    gate: Gate,
}

/// Reads the URL of a service. One that ends in `/api` means the same as one without.
///
/// # Errors
/// [`Error::BaseUrl`] if it is not an `http` or `https` URL.
pub(crate) fn base_url(text: &str) -> Result<Url, Error> {
    let trimmed = text.trim_end_matches('/');
    Url::parse(trimmed.strip_suffix("/api").unwrap_or(trimmed))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Error::BaseUrl { base_url: text.to_owned() })
}

/// What the feed has behind a cursor.
#[derive(Debug)]
pub enum Page {
    /// Later events, in their order; none: caught up.
    Events(Vec<Event>),
    /// The service does not know the cursor (any 4xx that is not about the key), with its words.
    CursorUnknown(String),
}

/// What a transition of the provisioning record says.
///
/// ```json
/// {"platform":"aws","executor":"stepwell","reference":"arn:aws:iam::123456789012:role/r#DMM_DataUsageAgreement_a"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The last segment of the path.
    pub transition: Transition,
    /// `<role ARN>#<policy name>`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Failure text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<String>,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The transitions that we report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// Granted.
    ProvisioningSucceeded,
    /// Cannot be granted.
    ProvisioningFailed,
    /// Revoked.
    DeprovisioningSucceeded,
}

impl Transition {
    fn path(self) -> &'static str {
        match self {
            Self::ProvisioningSucceeded => "provisioning-succeeded",
            Self::ProvisioningFailed => "provisioning-failed",
            Self::DeprovisioningSucceeded => "deprovisioning-succeeded",
        }
    }
}

impl Dmm {
    /// A client of the service at `base_url`. Contacts it with the first call.
    ///
    /// # Errors
    /// [`Error::BaseUrl`] if `base_url` is not an `http` or `https` URL.
    pub fn new(
        http: reqwest::Client,
        base_url: &str,
        api_key: SecretRef,
        secrets: Arc<dyn Secrets>,
        resource: Resource,
    ) -> Result<Self, Error> {
        let base_url = self::base_url(base_url)?;
        Ok(Self { http, base_url, api_key, secrets, resource, gate: Gate::default() })
    }

    /// The events behind `cursor`, at most a thousand; without a cursor from the first one that is retained.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn events(&self, cursor: Option<&str>, ctx: &Context) -> Result<Page, Error> {
        let mut url = self.url(["api", "events"]);
        url.query_pairs_mut().append_pair("longPolling", "false");
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("lastEventId", cursor);
        }
        let mut request = Request::get(url, "read the events".to_owned());
        request.accept = EVENTS;
        let answer = match self.call(&request, ctx).await {
            Err(Error::Refused { status, problem, .. }) if cursor.is_some() => {
                return Ok(Page::CursorUnknown(format!("{status}: {problem}")));
            }
            answer => answer?,
        };
        let events = Event::read_all(&answer.body).map_err(|problem| request.malformed(problem))?;
        Ok(Page::Events(events))
    }

    /// An agreement; nothing if no collection of any generation has one with that id.
    ///
    /// It is looked for where it was `found` before, then in the collection of the settings, then in that of the
    /// `event` that told of it, then in the others.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn access(
        &self,
        id: &str,
        found: Option<Resource>,
        event: Option<Resource>,
        ctx: &Context,
    ) -> Result<Option<Access>, Error> {
        let mut tried = Vec::new();
        let likely = [found, Some(self.resource), event].into_iter().flatten();
        for resource in likely.chain(Resource::ALL) {
            if tried.contains(&resource) {
                continue;
            }
            if let Some(access) = self.access_of(resource, id, ctx).await? {
                return Ok(Some(access));
            }
            tried.push(resource);
        }
        Ok(None)
    }

    async fn access_of(
        &self,
        resource: Resource,
        id: &str,
        ctx: &Context,
    ) -> Result<Option<Access>, Error> {
        let what = format!("read the access `{id}`");
        let found = self.read(&[resource.path(), id], what, ctx).await?;
        let Some((request, body)) = found.filter(|(_, body)| resource.has(body)) else {
            return Ok(None);
        };
        let access = Access::read(body, resource).map_err(|problem| request.malformed(problem))?;
        if access.id != id {
            return Err(request.malformed(format!("it is about `{}`", access.id)));
        }
        Ok(Some(access))
    }

    /// A data product; nothing if there is none with that id.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn product(&self, id: &str, ctx: &Context) -> Result<Option<Product>, Error> {
        let what = format!("read the data product `{id}`");
        let found = self.read(&["dataproducts", id], what, ctx).await?;
        let read = |(request, body): (Request, Value)| {
            Product::read(&body).map_err(|problem| request.malformed(problem))
        };
        found.map(read).transpose()
    }

    /// A team; nothing if there is none with that id.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn team(&self, id: &str, ctx: &Context) -> Result<Option<Team>, Error> {
        let what = format!("read the team `{id}`");
        let found = self.read(&["teams", id], what, ctx).await?;
        Ok(found.map(|(_, body)| Team::read(&body)))
    }

    /// Whether the collection of agreements is there: only then a 404 on one of them means that it was deleted, and
    /// not that `base_url` leads elsewhere.
    ///
    /// # Errors
    /// What every call may meet; [`Error::Refused`] if it is not there.
    pub async fn probe(&self, ctx: &Context) -> Result<(), Error> {
        // An old collection may give single agreements only; the feed is there in all generations.
        match self.resource {
            Resource::Access => self.access_page(0, 2, ctx).await.map(|_| ()),
            _ => self.events(None, ctx).await.map(|_| ()),
        }
    }

    /// The collection of the settings.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// All agreements. Deletions shift the pages while they are read, so several pages are read again until a pass
    /// brings nothing new.
    ///
    /// # Errors
    /// What every call may meet. One that cannot be read is left out and told.
    pub async fn accesses(&self, ctx: &Context) -> Result<Listing, Error> {
        let mut listing = Listing { is_there: true, ..Listing::default() };
        let mut seen = BTreeSet::new();
        for _ in 0..PASSES_MAX {
            let (known, mut page) = (seen.len(), 0);
            loop {
                let (documents, more) = match self.access_page(page, PAGE_SIZE, ctx).await {
                    Err(Error::Refused { status: 404 | 405, .. })
                        if self.resource != Resource::Access =>
                    {
                        return Ok(Listing::default());
                    }
                    answer => answer?,
                };
                for document in documents.into_iter().filter(|it| self.resource.has(it)) {
                    match Access::read(document, self.resource) {
                        Ok(access) if seen.insert(access.id.clone()) => {
                            listing.accesses.push(access);
                        }
                        Err(problem) if seen.insert(problem.clone()) => {
                            listing.unread.push(problem);
                        }
                        Ok(_) | Err(_) => {}
                    }
                }
                page += 1;
                if !more {
                    break;
                }
            }
            if page == 1 || seen.len() == known {
                break;
            }
        }
        Ok(listing)
    }

    /// Reports a step of the provisioning. False if the service has no such endpoints (404, 405).
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn report(
        &self,
        resource: Resource,
        access: &str,
        report: &Report,
        ctx: &Context,
    ) -> Result<bool, Error> {
        let path = ["api", resource.path(), access, "provisioning", report.transition.path()];
        let mut body = serde_json::json!({"platform": "aws", "executor": EXECUTOR});
        let said = [
            ("reference", &report.reference),
            ("diagnostics", &report.diagnostics),
            ("note", &report.note),
        ];
        for (member, text) in said {
            if let Some(text) = text {
                body[member] = text.as_str().into();
            }
        }
        let request = Request {
            method: Method::POST,
            body: Some(body),
            ..Request::get(self.url(path), format!("report on the access `{access}`"))
        };
        match self.call(&request, ctx).await {
            Ok(_) => Ok(true),
            Err(Error::Refused { status: 404 | 405, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Replaces the document of an agreement, where it was read.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn put_access(&self, access: &Access, ctx: &Context) -> Result<(), Error> {
        let path = ["api", access.resource.path(), &access.id];
        let request = Request {
            method: Method::PUT,
            body: Some(access.document.clone()),
            ..Request::get(self.url(path), format!("write tags to the access `{}`", access.id))
        };
        self.call(&request, ctx).await.map(|_| ())
    }

    /// The documents of a page, and whether there is another.
    async fn access_page(
        &self,
        page: usize,
        size: usize,
        ctx: &Context,
    ) -> Result<(Vec<Value>, bool), Error> {
        let mut url = self.url(["api", self.resource.path()]);
        url.query_pairs_mut()
            .append_pair("p", &page.to_string())
            .append_pair("pageSize", &size.to_string());
        let request = Request::get(url, format!("list the accesses (page {page})"));
        let answer = self.call(&request, ctx).await?;
        let Value::Array(documents) = answer.body else {
            return Err(request.malformed("it is no list"));
        };
        let more = answer.next.unwrap_or(documents.len() >= size) && !documents.is_empty();
        Ok((documents, more))
    }

    async fn read(
        &self,
        path: &[&str],
        what: String,
        ctx: &Context,
    ) -> Result<Option<(Request, Value)>, Error> {
        let path = std::iter::once("api").chain(path.iter().copied());
        let request = Request::get(self.url(path), what);
        match self.call(&request, ctx).await {
            Ok(answer) => Ok(Some((request, answer.body))),
            // 405 is how an old collection may say that it is closed.
            Err(Error::Refused { status: 404 | 405 | 410, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every segment is escaped: an id may hold anything.
    fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .expect("http and https URLs have a path")
            .pop_if_empty()
            .extend(segments);
        url
    }
}
