//! Those who announce a body and do not send it.

use axum::Router;
use stepwell_integrations::patience::router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Embedded, Time};

/// The answer to a request of which the last bytes never come, to the end of the connection.
async fn answer_to(embedded: &Embedded, head: &str, announced: u64) -> String {
    let mut stream = TcpStream::connect(embedded.url.trim_start_matches("http://")).await.unwrap();
    let request = format!("{head}\r\nhost: x\r\ncontent-length: {announced}\r\n\r\n<broken off");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.to_lowercase()
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn who_is_silent_is_told_in_the_words_of_the_service_and_the_connection_closed() {
    let embedded = Embedded::behind(&Time::manual(), Router::new(), router).await;
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=a/20260301/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let made = format!("PUT /raw HTTP/1.1\r\nhost: x\r\n{signed}\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(embedded.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(made.as_bytes()).await.unwrap();
    stream.read_to_string(&mut String::new()).await.unwrap();
    for (head, status, told) in [
        ("POST / HTTP/1.1\r\nx-amz-target: AmazonSQS.ListQueues", 408, "#requesttimeoutexception"),
        (&format!("PUT /raw/key HTTP/1.1\r\n{signed}"), 400, "<code>requesttimeout</code>"),
        (
            "POST / HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\nauthorization: AWS4-HMAC-SHA256 \
            Credential=a/20260301/eu-central-1/sns/aws4_request",
            408,
            "<code>requesttimeout</code>",
        ),
    ] {
        let answer = answer_to(&embedded, head, 100).await;
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{answer}");
        assert!(answer.contains(told), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    let head = "POST / HTTP/1.1\r\nx-amz-target: AmazonSQS.ListQueues";
    let answer = answer_to(&embedded, head, 1 << 40).await;
    assert!(answer.starts_with("http/1.1 413 "), "{answer}");
    assert!(!embedded.folder().join("s3/raw/key").exists());
    let staged = std::fs::read_dir(embedded.folder().join("s3/.staging")).unwrap();
    assert_eq!(staged.count(), 0, "nothing is left of it");
}
