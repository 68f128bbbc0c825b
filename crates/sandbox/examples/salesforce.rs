//! Serves a Salesforce sandbox until it is stopped: `cargo run -p stepwell-sandbox --example salesforce -- [ADDRESS] [RECORDS]`.
//!
//! Time is the machine's.

use std::error::Error;
use std::io::Write;

use stepwell_sandbox::salesforce::{Options, Sandbox, TimeSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let records = arguments.next().map_or(Ok(5_000), |number| number.parse())?;
    let options = Options { records, time: TimeSource::System, ..Options::default() };
    let sandbox = Sandbox::start_at(options, listen).await?;
    writeln!(
        std::io::stdout(),
        "export SALESFORCE_LOGIN_URL={}\nexport SALESFORCE_CLIENT_ID={}\nexport SALESFORCE_CLIENT_SECRET={}\n\
         export SALESFORCE_USERNAME={}\nexport SALESFORCE_PASSWORD={}\nexport SALESFORCE_PRIVATE_KEY='{}'",
        sandbox.base_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
        sandbox.username(),
        sandbox.password(),
        sandbox.private_key_pem()
    )?;
    std::future::pending().await
}
