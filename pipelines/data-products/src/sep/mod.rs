//! The REST API of Starburst Enterprise (SEP): data products, as far as the source of a synchronisation needs them.
//!
//! Source: SEP documentation, "Data products" and "REST API"; `starburst-data-products-client` 0.3.0.

use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use stepwell_pipeline::Context;

use crate::rest::{Answer, Error, Repeat, Server};

mod wire;

pub(crate) use wire::{
    Column, Domain, Product, Publication, Stage, Summary, View, is_published, or_default,
};

/// As errors call it.
pub(crate) const NAME: &str = "SEP";

/// A connection to SEP with one pair of credentials.
pub(crate) struct Sep {
    pub(crate) server: Server,
    pub(crate) user: SecretString,
    pub(crate) password: SecretString,
    /// `X-Trino-Role`, for instance `system=ROLE{sync}`.
    pub(crate) role: Option<String>,
}

impl Sep {
    /// The products that are visible, drafts included: those of which any attribute holds the text, if one is given.
    pub(crate) async fn products(
        &self,
        search: Option<&str>,
        ctx: &Context,
    ) -> Result<Vec<Summary>, Error> {
        let mut url = self.url(&["products"]);
        if let Some(text) = search {
            let options = json!({ "searchString": text }).to_string();
            url.query_pairs_mut().append_pair("searchOptions", &options);
        }
        let what = "list the data products";
        let answer: Vec<Value> = self.get(url, what, ctx).await?.json(&self.server, what)?;
        let read = |value: Value| {
            let problem =
                |_| Error::malformed(&self.server, what, "a product has no id or no name");
            serde_json::from_value(value).map_err(problem)
        };
        answer.into_iter().map(read).collect()
    }

    /// A product with its views; nothing if there is none with this id.
    pub(crate) async fn product(&self, id: &str, ctx: &Context) -> Result<Option<Product>, Error> {
        let what = format!("read the data product {id}");
        let answer = self.get(self.url(&["products", id]), &what, ctx).await?;
        if matches!(answer.status.as_u16(), 404 | 410) {
            return Ok(None);
        }
        answer.json(&self.server, &what).map(Some)
    }

    /// The domains, to find one by its name.
    pub(crate) async fn domains(&self, ctx: &Context) -> Result<Vec<Domain>, Error> {
        let what = "list the domains";
        self.get(self.url(&["domains"]), what, ctx).await?.json(&self.server, what)
    }

    async fn get(&self, url: Url, what: &str, ctx: &Context) -> Result<Answer, Error> {
        self.server.call(what, Repeat::Harmless, || self.prepare(url.clone()), ctx).await
    }

    fn prepare(&self, url: Url) -> RequestBuilder {
        let (user, password) = (self.user.expose_secret(), self.password.expose_secret());
        let request = self.server.http.request(Method::GET, url).basic_auth(user, Some(password));
        let request = request.header("Accept", "application/json");
        match &self.role {
            Some(role) => request.header("X-Trino-Role", role),
            None => request,
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        self.server.url(["api", "v1", "dataProduct"].into_iter().chain(path.iter().copied()))
    }
}
