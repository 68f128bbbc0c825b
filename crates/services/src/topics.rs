//! The subscriptions of embedded topics, from `[services.topics]`.

use std::collections::BTreeMap;

use stepwell_integrations::sns::{Endpoint, FilterPolicy, Subscription};
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::surroundings::{Destination, Subscription as Written};

use crate::Opener;

/// Of a queue that notifications go to; who reads them decides what is given up.
const RECEIVES_MAX: u32 = 5;

/// Subscriptions by the names of topics.
pub(crate) async fn subscriptions(
    opener: &Opener,
) -> Result<BTreeMap<String, Vec<Subscription>>, HandlerError> {
    let mut subscriptions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (topic, all) in &opener.surroundings().services.topics {
        let of_topic = subscriptions.entry(topic.clone()).or_default();
        for (name, written) in all {
            let found = subscription(opener, name, written).await;
            of_topic.push(found.map_err(|error| error.within(&format!("topic `{topic}`")))?);
        }
    }
    Ok(subscriptions)
}

async fn subscription(
    opener: &Opener,
    name: &str,
    written: &Written,
) -> Result<Subscription, HandlerError> {
    let endpoint = match &written.to {
        Destination::Log => Endpoint::Log,
        Destination::Queue(queue) => {
            Endpoint::Queue(opener.queue(queue, None, RECEIVES_MAX).await?)
        }
        Destination::Webhook(url) => {
            let url = url.reveal(opener.surroundings().secrets.as_ref()).await?;
            Endpoint::Webhook { url, is_raw: false }
        }
    };
    let filter = FilterPolicy::parse(&written.filter)
        .map_err(|error| HandlerError::Config(error.to_string()))?;
    Ok(Subscription { name: name.to_owned(), endpoint, filter })
}
