//! `GET` of a pre-signed link: the file, as S3 serves it. No token is needed, and none is wanted.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use ring::digest;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, Take};
use tokio_util::io::ReaderStream;

use super::range::{Wanted, is_another, wanted};
use super::{Endpoint, Refused, meet};
use crate::dap::faults::Fault;
use crate::dap::presign::Refusal;
use crate::dap::render::Part;
use crate::dap::service::Service;
use crate::http::broken_off;

#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    #[serde(rename = "X-Amz-Expires")]
    expires: i64,
    #[serde(rename = "X-Amz-Signature")]
    signature: String,
}

pub(super) async fn download(
    State(service): State<Arc<Service>>,
    Path((id, file)): Path<(String, String)>,
    signature: Result<Query<Signature>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let found = service.jobs.object(&id, service.clock.now());
    let table = found.as_ref().map(|(table, _)| table.as_str());
    let fault = meet(&service, Endpoint::Download, table)?;
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed",
        ));
    }
    let Ok(Query(signature)) = signature else {
        return Err(refuse(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"));
    };
    check(&service, &format!("/objects/{id}/{file}"), &signature)?;
    let Some((_, object)) = found else {
        return Err(no_such_key());
    };
    let etag = etag(&object.part, fault.as_ref());
    if is_another(&headers, &etag) && fault != Some(Fault::AnotherFileUnasked) {
        return Err(precondition_failed());
    }
    let Some(range) = range(&headers, object.part.bytes) else {
        return Err(invalid_range(object.part.bytes));
    };
    serve(&service, &object.part, etag, range, fault).await.map_err(|error| {
        tracing::warn!(%error, "a result file cannot be read");
        refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "We encountered an internal error.",
        )
    })
}

fn check(service: &Service, path: &str, signature: &Signature) -> Result<(), Refused> {
    let now = service.clock.now_seconds();
    service.signer.check(path, signature.expires, &signature.signature, now).map_err(|refusal| {
        match refusal {
            Refusal::Expired => expired(),
            Refusal::WrongSignature => refuse(
                StatusCode::FORBIDDEN,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            ),
        }
    })
}

/// What S3 says to a link whose time is over.
pub(super) fn expired() -> Refused {
    refuse(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired")
}

/// What S3 says when the file is gone.
pub(super) fn no_such_key() -> Refused {
    refuse(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
}

fn precondition_failed() -> Refused {
    refuse(
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
}

fn invalid_range(bytes: u64) -> Refused {
    let message = "The requested range is not satisfiable";
    let place = [(header::CONTENT_RANGE, format!("bytes */{bytes}"))];
    (place, refusal(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message))
        .into_response()
        .into()
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Refused {
    refusal(status, code, message).into()
}

/// An error as S3 words it.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

/// Names the content: another file has another tag.
fn etag(part: &Part, fault: Option<&Fault>) -> String {
    let another = match fault {
        Some(Fault::AnotherFile | Fault::AnotherFileUnasked) => "another",
        _ => "",
    };
    let name = format!("{}{another}", part.path.display());
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    format!("\"{}\"", hex::encode(&digest.as_ref()[..16]))
}

/// The bytes to serve, and whether they are a part of the file. None if there are none such.
fn range(headers: &HeaderMap, bytes: u64) -> Option<(Range<u64>, bool)> {
    match wanted(headers, bytes) {
        Wanted::Whole => Some((0..bytes, false)),
        Wanted::Part(start, end) => Some((start..end, true)),
        Wanted::Unsatisfiable => None,
    }
}

async fn serve(
    service: &Service,
    part: &Part,
    etag: String,
    (range, partial): (Range<u64>, bool),
    fault: Option<Fault>,
) -> io::Result<Response> {
    let length = range.end - range.start;
    let (body, bytes) = match fault {
        None => (Body::from_stream(pieces(part, &range).await?), length),
        Some(fault) => spoilt(content(part, &range).await?, &fault),
    };
    service.note_download(range.clone());
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, etag),
    ];
    if !partial {
        return Ok((headers, body).into_response());
    }
    let place = format!("bytes {}-{}/{}", range.start, range.end - 1, part.bytes);
    let place = [(header::CONTENT_RANGE, place)];
    Ok((StatusCode::PARTIAL_CONTENT, headers, place, body).into_response())
}

async fn pieces(part: &Part, range: &Range<u64>) -> io::Result<ReaderStream<Take<File>>> {
    let mut file = File::open(&part.path).await?;
    file.seek(io::SeekFrom::Start(range.start)).await?;
    Ok(ReaderStream::with_capacity(file.take(range.end - range.start), 1 << 18))
}

async fn content(part: &Part, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let content = tokio::fs::read(&part.path).await?;
    Ok(content[range.start as usize..range.end as usize].to_vec())
}

/// A body with something wrong with it, and the length it claims.
fn spoilt(mut content: Vec<u8>, fault: &Fault) -> (Body, u64) {
    let bytes = content.len() as u64;
    match fault {
        Fault::BreakBody => {
            content.truncate(content.len() / 2);
            (broken_off(content.into()), bytes)
        }
        Fault::TruncateBody => {
            content.truncate(content.len() / 2);
            let bytes = content.len() as u64;
            (content.into(), bytes)
        }
        Fault::CorruptChecksum => {
            // The last eight bytes of a gzip member are its checksum and its length.
            let checksum = content.len().saturating_sub(8);
            if let Some(byte) = content.get_mut(checksum) {
                *byte ^= 0xff;
            }
            (content.into(), bytes)
        }
        Fault::Dribble { bytes_per_second } => (dribble(content, *bytes_per_second), bytes),
        _ => (content.into(), bytes),
    }
}

/// Ten pieces a second.
fn dribble(content: Vec<u8>, bytes_per_second: u64) -> Body {
    let piece_bytes = (bytes_per_second / 10).max(1) as usize;
    let content = Bytes::from(content);
    let starts: Vec<usize> = (0..content.len()).step_by(piece_bytes).collect();
    Body::from_stream(stream::iter(starts).then(move |start| {
        let piece = content.slice(start..content.len().min(start + piece_bytes));
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, io::Error>(piece)
        }
    }))
}
