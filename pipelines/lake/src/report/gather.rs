//! What the report is made of: the proofs that were kept, the ledger, the quarantine.

use std::collections::BTreeMap;

use stepwell_pipeline::HandlerError;

use super::Reported;
use crate::reconcile::{self, handlers::proofs, proof::DatasetProof};
use crate::service::Service;
use crate::world::told;

/// Every table of the lake's datasets with its proofs.
///
/// # Errors
/// By class: what was kept, the ledger or the lake cannot be read.
pub async fn gather(service: &Service) -> Result<Vec<Reported>, HandlerError> {
    let state = reconcile::state(&service.world.surroundings.state);
    let mut by_dataset: BTreeMap<String, Vec<DatasetProof>> = BTreeMap::new();
    for proof in proofs(&state)? {
        by_dataset.entry(proof.dataset.clone()).or_default().push(proof);
    }
    let mut reported = Vec::new();
    for (name, dataset) in &service.config.datasets {
        // The tables of its arrays are published with it.
        for table in dataset.tables().into_iter().rev() {
            let mut proofs = by_dataset.remove(&table).unwrap_or_default();
            proofs.sort_by_key(|proof| proof.checked_at);
            reported.push(Reported {
                proofs,
                in_step_until: service.ledger().await?.cursor(name).await?,
                quarantined: quarantined(service, &table).await?,
                name: table,
            });
        }
    }
    Ok(reported)
}

/// The records of a dataset that fit no row.
async fn quarantined(service: &Service, dataset: &str) -> Result<u64, HandlerError> {
    let pattern = service.config.target.table(dataset).join("_quarantine/*/*.jsonl");
    let stores = &service.world.stores;
    let mut records = 0;
    for file in stores.matching(&pattern).await.map_err(told)? {
        records += stepwell_tabular::count(stores, &file.at).await.map_err(told)?;
    }
    Ok(records)
}
