//! Servers that refuse everything and repeat what they were sent, credentials first.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Headers that say who calls.
const CREDENTIALS: [&str; 3] = ["apikey", "authorization", "x-amz-security-token"];

/// A server; it stops when this is dropped.
pub(super) struct Echo {
    address: String,
    server: JoinHandle<()>,
}

impl Echo {
    /// Speaks HTTP and refuses in the way of every service at once.
    pub(super) async fn http() -> Self {
        Self::start(|stream| async { drop(answer(stream, None).await) }).await
    }

    /// Speaks HTTP and answers the same to everything.
    pub(super) async fn content(body: Value) -> Self {
        Self::start(move |stream| {
            let body = body.clone();
            async move { drop(answer(stream, Some(body)).await) }
        })
        .await
    }

    /// Speaks PostgreSQL and asks for the password as it is.
    pub(super) async fn postgres() -> Self {
        Self::start(|stream| async { drop(refuse_password(stream).await) }).await
    }

    async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { address, server }
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// `http://HOST:PORT`
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(stream: TcpStream, content: Option<Value>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut told, length) = credentials(&mut stream).await?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    told += &String::from_utf8_lossy(&body);
    let (status, body) = match content {
        Some(content) => ("200 OK", content),
        None => ("400 Bad Request", refusal(&told)),
    };
    let body = body.to_string();
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).await
}

/// The headers that say who calls, and the length of the body.
async fn credentials(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, usize)> {
    let (mut told, mut length) = (String::new(), 0);
    let mut lines = stream.lines();
    while let Some(line) = lines.next_line().await?.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        if CREDENTIALS.contains(&name.as_str()) {
            writeln!(told, "{name}:{value}").unwrap();
        }
    }
    Ok((told, length))
}

/// As AWS, Mambu and Salesforce's logins refuse.
fn refusal(told: &str) -> Value {
    json!({
        "__type": "InvalidSignatureException", "message": told,
        "error": "invalid_client", "error_description": told,
        "errors": [{"errorCode": 2, "errorReason": told}],
    })
}

async fn refuse_password(mut stream: TcpStream) -> std::io::Result<()> {
    const SSL: u32 = 80_877_103;
    loop {
        let length = stream.read_u32().await? as usize;
        let mut rest = vec![0; length - 4];
        stream.read_exact(&mut rest).await?;
        if rest != SSL.to_be_bytes() {
            break;
        }
        stream.write_all(b"N").await?;
    }
    // AuthenticationCleartextPassword.
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await?;
    stream.read_u8().await?;
    let length = stream.read_u32().await? as usize;
    let mut password = vec![0; length - 4];
    stream.read_exact(&mut password).await?;
    let password = String::from_utf8_lossy(&password);
    let told = format!("nobody has the password {}", password.trim_end_matches('\0'));
    let fields = format!("SFATAL\0VFATAL\0C28P01\0M{told}\0\0");
    stream.write_all(b"E").await?;
    stream.write_u32(u32::try_from(fields.len() + 4).unwrap()).await?;
    stream.write_all(fields.as_bytes()).await
}
