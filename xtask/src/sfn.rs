//! A client of the Step Functions API and of the services beside it: AWS's protocols over one kept-alive connection to
//! loopback.
//!
//! Blocking and small on purpose: the benchmarks measure the server, not a client's runtime. It reads bodies with a
//! `Content-Length`, which is what a JSON API sends; retries are the caller's, who knows what was acknowledged.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// How long one answer may take; longer means that the server is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a call brought no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server could not be reached, or went away before it answered: the call may or may not have counted.
    #[error("no answer: {0}")]
    NoAnswer(#[from] io::Error),
    /// The server answered with an error.
    #[error("{code}: {message}")]
    Refused {
        /// For instance `ExecutionAlreadyExists`.
        code: String,
        /// The text for people.
        message: String,
    },
}

impl Error {
    /// True if the server answered with this error code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// One client with one connection.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    patience: Duration,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of the server at this address; connects with the first call.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, patience: ANSWER_TIMEOUT, connection: None }
    }

    /// The same, for calls that wait on the server: one that has no answer after so long is hung up.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Calls one operation of Step Functions, for instance `StartExecution`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the code of the API, [`Error::NoAnswer`] if the server is not there.
    pub fn call(&mut self, operation: &str, request: &Value) -> Result<Value, Error> {
        self.call_service("AWSStepFunctions", operation, request)
    }

    /// Calls one operation of a service that speaks JSON, for instance `AmazonSQS` and `SendMessage`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn call_service(
        &mut self,
        service: &str,
        operation: &str,
        request: &Value,
    ) -> Result<Value, Error> {
        let headers = format!(
            "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {service}.{operation}\r\n"
        );
        let (status, answer) = self.send("POST", "/", &headers, &request.to_string())?;
        let answer: Value = serde_json::from_slice(&answer).map_err(io::Error::from)?;
        if status == 200 { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// Calls one operation of a service that speaks forms and XML, for instance `sns` with `Action=CreateTopic&Name=a`.
    /// The server knows the service by what the request is signed for; the signature itself is not made.
    ///
    /// # Errors
    /// As [`Client::call`]; the code is the HTTP status, the message the whole answer.
    pub fn call_form(&mut self, service: &str, form: &str) -> Result<(), Error> {
        let headers =
            format!("Content-Type: application/x-www-form-urlencoded\r\n{}", signed_for(service));
        let (status, answer) = self.send("POST", "/", &headers, form)?;
        if status == 200 { Ok(()) } else { Err(refusal_by_status(status, &answer)) }
    }

    /// Calls a service that has paths, for instance `GET` and `/2015-03-31/functions/NAME/configuration` of Lambda.
    ///
    /// # Errors
    /// As [`Client::call_form`].
    pub fn call_path(&mut self, method: &str, path: &str, body: &Value) -> Result<Value, Error> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) =
            self.send(method, path, "Content-Type: application/json\r\n", &body)?;
        if !(200..300).contains(&status) {
            return Err(refusal_by_status(status, &answer));
        }
        Ok(serde_json::from_slice(&answer).map_err(io::Error::from)?)
    }

    /// Calls S3, for instance `PUT` and `/bucket/key`. Which service is meant stands in what the request is signed for, as
    /// in [`Self::call_form`].
    ///
    /// # Errors
    /// As [`Client::call_form`].
    pub fn call_object(&mut self, method: &str, path: &str, body: &str) -> Result<String, Error> {
        let headers = format!("{}x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n", signed_for("s3"));
        let (status, answer) = self.send(method, path, &headers, body)?;
        if !(200..300).contains(&status) {
            return Err(refusal_by_status(status, &answer));
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<(u16, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.server,
            body.len()
        );
        self.exchange(&head, body)
    }

    /// True once the server answers `GET path` with success.
    pub fn is_up(&mut self, path: &str) -> bool {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.server);
        self.exchange(&head, "").is_ok_and(|(status, _)| status == 200)
    }

    /// Calls an operation that answers in pages, and returns the elements of `field` of all pages.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn call_paged(
        &mut self,
        operation: &str,
        mut request: Value,
        field: &str,
    ) -> Result<Vec<Value>, Error> {
        let mut all = Vec::new();
        loop {
            let mut page = self.call(operation, &request)?;
            if let Value::Array(elements) = page[field].take() {
                all.extend(elements);
            }
            match page["nextToken"].take() {
                Value::String(token) => request["nextToken"] = json!(token),
                _ => return Ok(all),
            }
        }
    }

    fn exchange(&mut self, head: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let outcome = self.connection().and_then(|connection| {
            connection.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
            read_answer(connection)
        });
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    fn connection(&mut self) -> io::Result<&mut BufReader<TcpStream>> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(self.server)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(self.patience))?;
            self.connection = Some(BufReader::new(stream));
        }
        Ok(self.connection.as_mut().expect("it was just connected"))
    }
}

/// The header that tells for which service a request is signed, without a signature.
fn signed_for(service: &str) -> String {
    format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=none\r\n"
    )
}

fn refusal(answer: &Value) -> Error {
    let code = answer["__type"].as_str().unwrap_or("an answer without `__type`");
    let code = code.rsplit('#').next().unwrap_or(code).to_owned();
    let message = answer["message"].as_str().unwrap_or_default().to_owned();
    Error::Refused { code, message }
}

fn refusal_by_status(status: u16, answer: &[u8]) -> Error {
    Error::Refused {
        code: status.to_string(),
        message: String::from_utf8_lossy(answer).into_owned(),
    }
}

fn read_answer(from: &mut impl BufRead) -> io::Result<(u16, Vec<u8>)> {
    let status = read_line(from)?;
    let status =
        status.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(not_http)?;
    let mut length = None;
    loop {
        let header = read_line(from)?.to_ascii_lowercase();
        match header.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.ok_or_else(not_http)?];
    from.read_exact(&mut body)?;
    Ok((status, body))
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP with a Content-Length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_to_its_length_and_no_further() {
        let mut wire: &[u8] =
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nX: y\r\n\r\n{}HTTP";
        assert_eq!(read_answer(&mut wire).unwrap(), (400, b"{}".to_vec()));
        assert_eq!(wire, b"HTTP");
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        let mut wire: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}";
        assert_eq!(read_answer(&mut wire).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_refusal_carries_the_code_without_its_namespace() {
        let error =
            refusal(&json!({"__type": "com.amazonaws#ExecutionAlreadyExists", "message": "m"}));
        assert!(error.is("ExecutionAlreadyExists"));
    }
}
