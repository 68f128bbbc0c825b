//! Streams of measurements with planted faults, as a data logger would leave them: files in a folder, or behind URLs.
//!
//! Every stream has the same shape: a daily wave of three around ten with a little noise, each ten minutes for three days. A
//! fault changes that where [`Stream::planted`] says so, and nowhere else. What must be found of it is said in the words of
//! QARTOD's tests, so that whoever checks the streams can be held to it.

mod file;
mod generate;
mod service;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::{Clock, TimeSource};
pub use crate::faults::FaultRule;
use crate::http::Observer;
pub use crate::http::{HttpFault, Request};
pub use file::Format;
pub use generate::{CADENCE_SECONDS, generate};
pub use service::Endpoint;

/// One stream.
#[derive(Debug, Clone)]
pub struct Stream {
    /// `buoys`
    pub group: &'static str,
    /// `stuck`: what is planted, or `clean-2`.
    pub name: String,
    /// How its file is written.
    pub format: Format,
    /// In the order of the file.
    pub points: Vec<Point>,
    /// What a check of it must find; nothing: it is good.
    pub planted: Vec<Planted>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub time: Timestamp,
    /// Nothing: missing.
    pub value: Option<f64>,
}

/// What one test must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// `gross_range`, `spike`, ...
    pub test: &'static str,
    /// The points that it must flag, by their place in the file; empty if the stream as a whole is flagged.
    pub must: Vec<usize>,
    /// Beside these it may flag some: the fault begins and ends within what the test looks at.
    pub may: Vec<usize>,
}

/// A server of streams: `GET /streams/GROUP/NAME.csv`. It ends when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    base_url: String,
    observer: Arc<Observer<Endpoint>>,
    _serving: AbortOnDropHandle<()>,
}

impl Stream {
    /// The name of its file, below a folder or a URL: `buoys/stuck.csv`.
    pub fn file_name(&self) -> String {
        format!("{}/{}.{}", self.group, self.name, self.format.ending())
    }

    /// The bytes of its file.
    pub fn file(&self) -> Vec<u8> {
        self.format.write(&self.points)
    }

    /// Writes its file below a folder.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(self.file_name());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, self.file())
    }
}

impl Sandbox {
    /// Serves streams on a free port of this machine.
    ///
    /// # Errors
    /// If there is no port.
    pub async fn start(streams: &[Stream]) -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(address).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let observer = Arc::new(Observer::new(1, Vec::new(), Duration::ZERO));
        let router = service::router(streams, &observer);
        let serving = tokio::spawn(crate::http::serve(
            listener,
            router,
            Arc::new(Clock::new(TimeSource::System)),
        ));
        Ok(Self { base_url, observer, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Where the file of a stream is.
    pub fn url(&self, stream: &Stream) -> String {
        format!("{}/streams/{}", self.base_url, stream.file_name())
    }

    /// Lets requests fail.
    pub fn add_fault(&self, rule: FaultRule<Endpoint, HttpFault>) {
        self.observer.add_fault(rule);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request<Endpoint>> {
        self.observer.requests()
    }
}
