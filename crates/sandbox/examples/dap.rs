//! Serves a DAP sandbox until it is stopped: `cargo run -p stepwell-sandbox --example dap -- [ADDRESS] [ROWS]`.

use std::error::Error;
use std::io::Write;

use stepwell_sandbox::dap::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let total_rows = arguments.next().map_or(Ok(10_000), |rows| rows.parse())?;
    let sandbox = Sandbox::start_at(Options { total_rows, ..Options::default() }, listen).await?;
    writeln!(
        std::io::stdout(),
        "export DAP_API_URL={}\nexport DAP_CLIENT_ID='{}'\nexport DAP_CLIENT_SECRET={}",
        sandbox.base_url(),
        sandbox.client_id(),
        sandbox.client_secret()
    )?;
    std::future::pending().await
}
