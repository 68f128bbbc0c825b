//! Serves a Mambu sandbox until it is stopped: `cargo run -p stepwell-sandbox --example mambu -- [ADDRESS] [RECORDS]`.
//!
//! Time is the machine's.

use std::error::Error;
use std::io::Write;

use stepwell_sandbox::mambu::{Options, Sandbox, TimeSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let records = arguments.next().map_or(Ok(1_000), |number| number.parse())?;
    let options = Options { records, time: TimeSource::System, ..Options::default() };
    let sandbox = Sandbox::start_at(options, listen).await?;
    writeln!(
        std::io::stdout(),
        "export MAMBU_BASE_URL={}\nexport MAMBU_API_KEY={}\nexport MAMBU_AUDIT_API_KEY={}",
        sandbox.base_url(),
        sandbox.api_key(),
        sandbox.audit_key()
    )?;
    std::future::pending().await
}
