//! Bodies in chunks, `Content-Encoding: aws-chunked`, with a checksum behind them.
//!
//! ```text
//!   5;chunk-signature=..  \r\n  hello  \r\n  0  \r\n  x-amz-checksum-crc32:NhCmhg==  \r\n\r\n
//! ```
//!
//! Source: Amazon S3 API reference, "Signature calculations for the Authorization header: transferring payload in multiple chunks".

use std::collections::BTreeMap;

use crate::ServiceError;

/// A line before a chunk or behind the last of them.
const LINE_BYTES_MAX: usize = 4096;

/// Takes the bytes of a body as they come and gives those of its chunks.
#[derive(Debug, Default)]
pub struct Chunked {
    state: State,
    line: Vec<u8>,
    trailers: BTreeMap<String, String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line with the size of the next chunk.
    #[default]
    Size,
    /// So many bytes of a chunk are to come.
    Data(u64),
    /// In the end of the line behind a chunk.
    DataEnd,
    /// In a line behind the last chunk.
    Trailer,
    /// Everything was there.
    Done,
}

impl Chunked {
    /// What is content of the next bytes.
    ///
    /// # Errors
    /// `IncompleteBody` if they are no chunks.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let mut content = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() {
            match self.state {
                State::Done => return Err(malformed()),
                State::Data(left) => {
                    let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    content.extend_from_slice(&bytes[..count]);
                    bytes = &bytes[count..];
                    let left = left - count as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                }
                State::Size | State::DataEnd | State::Trailer => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        self.extend_line(bytes)?;
                        break;
                    };
                    self.extend_line(&bytes[..end])?;
                    bytes = &bytes[end + 1..];
                    self.end_line()?;
                }
            }
        }
        Ok(content)
    }

    /// The lines behind the last chunk, names in small letters.
    ///
    /// # Errors
    /// `IncompleteBody` if it broke off before.
    pub fn finish(self) -> Result<BTreeMap<String, String>, ServiceError> {
        // Nobody ends the last line who has none.
        let is_whole = self.state == State::Done || self.state == State::Trailer;
        if is_whole { Ok(self.trailers) } else { Err(malformed()) }
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), ServiceError> {
        self.line.extend_from_slice(bytes);
        if self.line.len() > LINE_BYTES_MAX { Err(malformed()) } else { Ok(()) }
    }

    fn end_line(&mut self) -> Result<(), ServiceError> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| malformed())?.trim_end_matches('\r');
        self.state = match self.state {
            State::DataEnd if line.is_empty() => State::Size,
            State::Size => {
                let size = line.split(';').next().unwrap_or_default().trim();
                match u64::from_str_radix(size, 16).map_err(|_| malformed())? {
                    0 => State::Trailer,
                    size => State::Data(size),
                }
            }
            State::Trailer if line.is_empty() => State::Done,
            State::Trailer => {
                let (name, value) = line.split_once(':').ok_or_else(malformed)?;
                self.trailers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
                State::Trailer
            }
            _ => return Err(malformed()),
        };
        Ok(())
    }
}

fn malformed() -> ServiceError {
    let message =
        "The request body terminated unexpectedly or is not in the chunks that its headers tell of";
    ServiceError::sender("IncompleteBody", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"5;chunk-signature=0a\r\nhello\r\n6\r\n\r\nabc\n\r\n0\r\nX-Amz-Checksum-Crc32: NhCmhg==\r\n\r\n";

    #[test]
    fn chunks_are_put_together_however_they_are_cut() {
        for size in [1, 2, 7, BODY.len()] {
            let mut chunked = Chunked::default();
            let content: Vec<_> =
                BODY.chunks(size).flat_map(|piece| chunked.push(piece).unwrap()).collect();
            assert_eq!(content, b"hello\r\nabc\n");
            assert_eq!(chunked.finish().unwrap()["x-amz-checksum-crc32"], "NhCmhg==");
        }
    }

    #[test]
    fn what_broke_off_or_is_no_chunk_is_refused() {
        for length in [0, 3, 24, 35] {
            let mut chunked = Chunked::default();
            chunked.push(&BODY[..length]).unwrap();
            assert_eq!(chunked.finish().unwrap_err().code, "IncompleteBody", "{length}");
        }
        for bad in [&b"x\r\n"[..], b"1\r\nab\r\n", b"0\r\n\r\nmore", &[b'1'; 5000]] {
            let error = Chunked::default().push(bad).unwrap_err();
            assert_eq!(error.code, "IncompleteBody");
        }
    }
}
