//! The public REST API of Starburst Galaxy, version 1.
//!
//! Responsible for: login and renewal ([`token`]), pages, lookups by name, and that nothing is created twice. Left to
//! others: what to create and whose it is.
//!
//! Source: Galaxy documentation, "Public API"; registry documentation of the Galaxy Terraform provider.

use std::collections::BTreeSet;

use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_pipeline::Context;

use crate::rest::{Answer, Error, Repeat, Server};

mod token;
mod wire;

use token::TokenCache;
pub(crate) use wire::{Cluster, Link, Product, Schema, Tag, User};

/// As errors call it.
pub(crate) const NAME: &str = "Galaxy";

/// The most that Galaxy puts on one page.
const PAGE_SIZE: &str = "100";

/// So many pages are no list but a server that never ends.
const PAGES_MAX: usize = 10_000;

/// The colour of a tag that is created: Galaxy wants one.
const TAG_COLOR: &str = "#2E7D8A";

/// So often something is created whose creation may have failed.
const CREATIONS_MAX: usize = 5;

/// So often a schema is tagged that the catalog's index may not know yet, and the waits between.
const TAG_WAITS_MS: [u64; 6] = [250, 500, 1_000, 2_000, 4_000, 8_000];

/// A connection to Galaxy with one pair of credentials.
pub(crate) struct Galaxy {
    server: Server,
    client_id: SecretString,
    client_secret: SecretString,
    token: TokenCache,
}

impl Galaxy {
    pub(crate) fn new(
        server: Server,
        client_id: SecretString,
        client_secret: SecretString,
    ) -> Self {
        Self { server, client_id, client_secret, token: TokenCache::default() }
    }

    /// The id of a catalog by its name; nothing if there is none, or none that may be seen.
    pub(crate) async fn catalog(&self, name: &str, ctx: &Context) -> Result<Option<String>, Error> {
        let found: Option<wire::Catalog> = self.named("catalog", name, ctx).await?;
        Ok(found.map(|catalog| catalog.catalog_id))
    }

    /// A cluster by its name.
    pub(crate) async fn cluster(
        &self,
        name: &str,
        ctx: &Context,
    ) -> Result<Option<Cluster>, Error> {
        self.named("cluster", name, ctx).await
    }

    /// Lets a cluster that is disabled start when it is asked.
    pub(crate) async fn enable_cluster(&self, id: &str, ctx: &Context) -> Result<(), Error> {
        let what = "enable the cluster";
        let call = Call {
            what,
            method: Method::PATCH,
            url: self.url(&["cluster", id]),
            body: Some(json!({"enabled": true})),
        };
        self.call(&call, ctx).await?.succeeded(&self.server, what)
    }

    /// A tag by its name.
    pub(crate) async fn tag(&self, name: &str, ctx: &Context) -> Result<Option<Tag>, Error> {
        self.named("tag", name, ctx).await
    }

    /// A tag by its name, created if there is none.
    pub(crate) async fn ensure_tag(&self, name: &str, ctx: &Context) -> Result<Tag, Error> {
        let what = format!("create the tag `{name}`");
        let body =
            json!({"name": name, "color": TAG_COLOR, "description": "Made and used by stepwell"});
        let call =
            Call { what: &what, method: Method::POST, url: self.url(&["tag"]), body: Some(body) };
        let find = || self.tag(name, ctx);
        if let Some(tag) = find().await? {
            return Ok(tag);
        }
        self.create(&call, find, ctx).await?.map_err(|answer| answer.error(&self.server, &what))
    }

    /// Puts a tag on a schema. A schema that was just created may not be known for some seconds.
    pub(crate) async fn tag_schema(
        &self,
        tag: &Tag,
        catalog: &str,
        schema: &str,
        ctx: &Context,
    ) -> Result<(), Error> {
        let what = format!("tag the schema `{schema}`");
        let call = Call {
            what: &what,
            method: Method::PUT,
            url: self.tag_url(tag, catalog, schema),
            body: None,
        };
        let mut waits = TAG_WAITS_MS.into_iter().map(std::time::Duration::from_millis);
        loop {
            let answer = self.call(&call, ctx).await?;
            match waits.next().filter(|_| answer.status.as_u16() == 404) {
                Some(wait) => ctx.sleep(wait).await?,
                None => return answer.succeeded(&self.server, &what),
            }
        }
    }

    /// Takes a tag off a schema.
    pub(crate) async fn untag_schema(
        &self,
        tag: &Tag,
        catalog: &str,
        schema: &str,
        ctx: &Context,
    ) -> Result<(), Error> {
        let what = format!("take the tag off the schema `{schema}`");
        self.delete(self.tag_url(tag, catalog, schema), &what, ctx).await
    }

    /// All users.
    pub(crate) async fn users(&self, ctx: &Context) -> Result<Vec<User>, Error> {
        self.list(&["user"], "list the users", ctx).await
    }

    /// The schemas of a catalog, as far as its index knows them.
    pub(crate) async fn schemas(&self, catalog: &str, ctx: &Context) -> Result<Vec<Schema>, Error> {
        self.list(&["catalog", catalog, "schema"], "list the schemas", ctx).await
    }

    /// All data products that may be seen.
    pub(crate) async fn products(&self, ctx: &Context) -> Result<Vec<Product>, Error> {
        self.list(&["dataProduct"], "list the data products", ctx).await
    }

    /// Creates a data product, once.
    ///
    /// # Errors
    /// Inside: the answer of 409, if the name is taken.
    pub(crate) async fn create_product(
        &self,
        body: Value,
        ctx: &Context,
    ) -> Result<Result<String, Answer>, Error> {
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        let links: Vec<Link> = serde_json::from_value(body["links"].clone()).unwrap_or_default();
        let what = format!("create the data product `{name}`");
        let call = Call {
            what: &what,
            method: Method::POST,
            url: self.url(&["dataProduct"]),
            body: Some(body),
        };
        let find = || async {
            let is_it =
                |it: &Product| it.name == name && links.iter().all(|link| it.links.contains(link));
            Ok(self.products(ctx).await?.into_iter().find(is_it))
        };
        let created: Result<Product, Answer> = self.create(&call, find, ctx).await?;
        Ok(created.map(|product| product.data_product_id))
    }

    /// Changes members of a data product; nothing inside if it is not there, the answer if the name is taken.
    pub(crate) async fn patch_product(
        &self,
        id: &str,
        body: Value,
        ctx: &Context,
    ) -> Result<Answer, Error> {
        let what = format!("change the data product {id}");
        let call = Call {
            what: &what,
            method: Method::PATCH,
            url: self.url(&["dataProduct", id]),
            body: Some(body),
        };
        self.call(&call, ctx).await
    }

    /// Deletes the record of a data product; its schema and views stay.
    pub(crate) async fn delete_product(&self, id: &str, ctx: &Context) -> Result<(), Error> {
        self.delete(self.url(&["dataProduct", id]), &format!("delete the data product {id}"), ctx)
            .await
    }

    /// That an answer means failure.
    pub(crate) fn error(&self, answer: &Answer, what: &str) -> Error {
        answer.error(&self.server, what)
    }

    /// Creates something. After a failure that leaves it open whether it was created, `find` looks before the next
    /// attempt.
    async fn create<T: DeserializeOwned, F: Future<Output = Result<Option<T>, Error>>>(
        &self,
        call: &Call<'_>,
        find: impl Fn() -> F,
        ctx: &Context,
    ) -> Result<Result<T, Answer>, Error> {
        let mut attempts = 0;
        loop {
            let uncertain = match self.call(call, ctx).await {
                Ok(answer) if answer.status.as_u16() != 409 => {
                    match answer.json(&self.server, call.what) {
                        // It was created, and told in other words than expected.
                        Err(malformed @ Error::Malformed { .. }) => {
                            return find().await?.map(Ok).ok_or(malformed);
                        }
                        read => return read.map(Ok),
                    }
                }
                Ok(answer) => return Ok(find().await?.ok_or(answer)),
                Err(Error::Uncertain { wait, error }) => (wait, error),
                Err(error) => return Err(error),
            };
            attempts += 1;
            let (wait, error) = uncertain;
            if attempts >= CREATIONS_MAX {
                return Err(*error);
            }
            ctx.sleep(wait * 2_u32.pow(attempts as u32)).await?;
            if let Some(found) = find().await? {
                return Ok(Ok(found));
            }
        }
    }

    /// Looks something up by its name. A server may not know that form, or be strict about letter case.
    async fn named<T: DeserializeOwned>(
        &self,
        kind: &str,
        name: &str,
        ctx: &Context,
    ) -> Result<Option<T>, Error> {
        let what = format!("find the {kind} `{name}`");
        let url = self.url(&[kind, &format!("name={name}")]);
        let answer =
            self.call(&Call { what: &what, method: Method::GET, url, body: None }, ctx).await?;
        if matches!(answer.status.as_u16(), 400 | 404) {
            return self.listed(kind, name, &what, ctx).await;
        }
        answer.json(&self.server, &what).map(Some)
    }

    /// Looks for a name in the list of its kind.
    async fn listed<T: DeserializeOwned>(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        ctx: &Context,
    ) -> Result<Option<T>, Error> {
        let all: Vec<Value> = match self.list(&[kind], what, ctx).await {
            Err(Error::Refused { status: 404, .. }) => return Ok(None),
            all => all?,
        };
        let names = ["name".to_owned(), format!("{kind}Name")];
        let name_of = |it: &Value| names.iter().find_map(|key| it[key].as_str()).map(str::to_owned);
        let by = |is_it: &dyn Fn(&str) -> bool| {
            all.iter().find(|it| name_of(it).is_some_and(|it| is_it(&it)))
        };
        let found = by(&|it| it == name).or_else(|| by(&|it| it.eq_ignore_ascii_case(name)));
        let read = found.map(|it| serde_json::from_value(it.clone())).transpose();
        read.map_err(|_| Error::malformed(&self.server, what, "its list has another form"))
    }

    /// Every page of a list.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        what: &str,
        ctx: &Context,
    ) -> Result<Vec<T>, Error> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        let mut token: Option<String> = None;
        loop {
            let mut url = self.url(path);
            url.query_pairs_mut().append_pair("pageSize", PAGE_SIZE);
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("pageToken", token);
            }
            let answer =
                self.call(&Call { what, method: Method::GET, url, body: None }, ctx).await?;
            let page: wire::Page<T> = answer.json(&self.server, what)?;
            found.extend(page.result.unwrap_or_default());
            let Some(next) = page.next_page_token.filter(|it| !it.trim().is_empty()) else {
                return Ok(found);
            };
            if !seen.insert(next.clone()) || seen.len() > PAGES_MAX {
                return Err(Error::malformed(
                    &self.server,
                    what,
                    "its pages never end: a page token came again",
                ));
            }
            token = Some(next);
        }
    }

    /// What is not there is deleted.
    async fn delete(&self, url: Url, what: &str, ctx: &Context) -> Result<(), Error> {
        let answer =
            self.call(&Call { what, method: Method::DELETE, url, body: None }, ctx).await?;
        if answer.status.as_u16() == 404 { Ok(()) } else { answer.succeeded(&self.server, what) }
    }

    /// Makes a call with a token that is good. One that is refused may have expired: once more with a new one.
    async fn call(&self, call: &Call<'_>, ctx: &Context) -> Result<Answer, Error> {
        let token = self.token(ctx).await?;
        let answer = self.call_with(call, &token, ctx).await?;
        if !matches!(answer.status.as_u16(), 401 | 403) {
            return Ok(answer);
        }
        self.forget(&token, ctx).await?;
        let token = self.token(ctx).await?;
        self.call_with(call, &token, ctx).await
    }

    async fn call_with(
        &self,
        call: &Call<'_>,
        token: &SecretString,
        ctx: &Context,
    ) -> Result<Answer, Error> {
        let repeat = if call.method == Method::POST { Repeat::LookFirst } else { Repeat::Harmless };
        let prepare = || {
            let request = self.server.http.request(call.method.clone(), call.url.clone());
            let request =
                request.bearer_auth(token.expose_secret()).header("Accept", "application/json");
            match &call.body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        self.server.call(call.what, repeat, prepare, ctx).await
    }

    fn tag_url(&self, tag: &Tag, catalog: &str, schema: &str) -> Url {
        self.url(&["tag", &tag.tag_id, "catalog", catalog, "schema", schema])
    }

    /// Every segment is escaped; a space is `%20`.
    fn url(&self, path: &[&str]) -> Url {
        self.server.url(["public", "api", "v1"].into_iter().chain(path.iter().copied()))
    }
}

/// A call, described so that it can be made again.
struct Call<'c> {
    /// Completes "cannot ...".
    what: &'c str,
    method: Method,
    url: Url,
    body: Option<Value>,
}
