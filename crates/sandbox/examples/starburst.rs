//! Serves a sandbox of Starburst until it is stopped:
//! `cargo run -p stepwell-sandbox --example starburst -- [PRODUCTS] [SEP_ADDRESS GALAXY_ADDRESS TRINO_ADDRESS]`.

use std::error::Error;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use stepwell_sandbox::starburst::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let products = arguments.next().map_or(Ok(20), |products| products.parse())?;
    let mut listen = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 3];
    for (place, argument) in listen.iter_mut().zip(arguments) {
        *place = argument.parse()?;
    }
    let sandbox = Sandbox::start_at(Options { products, ..Options::default() }, listen).await?;
    let options = sandbox.options();
    let Options { sep_user, sep_password, client_id, client_secret, .. } = options;
    let Options { sql_user, sql_password, target_catalog, .. } = options;
    write!(
        std::io::stdout(),
        "sep-host={}\nsep-username={sep_user}\nsep-password={sep_password}\n\
         galaxy-host={}\ngalaxy-client-id={client_id}\ngalaxy-client-secret={client_secret}\n\
         galaxy-sql-cluster-url={}\ngalaxy-sql-username={sql_user}\ngalaxy-sql-password={sql_password}\n\
         data-product-catalog={target_catalog}\ndefault-cluster={}\n",
        sandbox.sep_url(),
        sandbox.galaxy_url(),
        sandbox.trino_url(),
        sandbox.cluster_name(),
    )?;
    std::future::pending().await
}
