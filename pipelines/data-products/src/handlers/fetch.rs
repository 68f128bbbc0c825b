//! `stepwell-data-products-fetch-desired` and `-fetch-actual`: both sides, read at the same time.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::{Service, Start};

/// Reads the source.
pub struct FetchDesired {
    pub(crate) service: Arc<Service>,
}

/// How much the source has.
///
/// ```json
/// {"products":200,"passed_over":3,"unreadable":0}
/// ```
#[derive(Debug, Serialize)]
pub struct Source {
    products: usize,
    passed_over: usize,
    unreadable: usize,
}

#[async_trait]
impl Function for FetchDesired {
    type Input = Start;
    type Output = Source;

    fn name(&self) -> &'static str {
        "stepwell-data-products-fetch-desired"
    }

    async fn call(&self, input: Start, ctx: &Context) -> Result<Source, HandlerError> {
        let run = self.service.run(&input.run);
        let desired = self.service.desired(&run, ctx).await?;
        let (products, passed_over) = (desired.products.len(), desired.passed_over.len());
        Ok(Source { products, passed_over, unreadable: desired.unreadable.len() })
    }
}

/// Reads the target, and wakes its cluster.
pub struct FetchActual {
    pub(crate) service: Arc<Service>,
}

/// How much the target has.
///
/// ```json
/// {"products":210,"tagged_schemas":199,"views":612}
/// ```
#[derive(Debug, Serialize)]
pub struct Target {
    products: usize,
    tagged_schemas: usize,
    views: usize,
}

#[async_trait]
impl Function for FetchActual {
    type Input = Start;
    type Output = Target;

    fn name(&self) -> &'static str {
        "stepwell-data-products-fetch-actual"
    }

    async fn call(&self, input: Start, ctx: &Context) -> Result<Target, HandlerError> {
        let run = self.service.run(&input.run);
        let actual = &self.service.observed(&run, !input.input.plan, ctx).await?.actual;
        let (products, views) = (actual.products.len(), actual.views.len());
        Ok(Target { products, tagged_schemas: actual.tagged.len(), views })
    }
}
