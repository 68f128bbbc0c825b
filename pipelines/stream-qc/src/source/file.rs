//! A file: Parquet, CSV or JSON lines, on this machine, in a bucket or behind a URL.

use stepwell_pipeline::settings::InvalidInput;
use stepwell_pipeline::{Context, HandlerError};
use stepwell_tabular::{Compression, Format, Kind, Location};

use super::download::Download;
use crate::file;
use crate::input::Members;
use crate::reading::refused;
use crate::series::Columns;
use crate::service::Service;
use crate::spool::Spool;

/// `{"uri":"s3://bucket/7.parquet","format":"parquet"}`; without `format` as the name ends.
#[derive(Debug, Clone)]
pub(crate) struct File {
    at: Location,
    kind: Kind,
}

impl File {
    pub(super) fn read(members: &mut Members) -> Result<Self, InvalidInput> {
        let uri = members.text("uri")?;
        let at: Location = uri.parse().map_err(|error| members.wrong("uri", format!("{error}")))?;
        let of_name = Kind::of(at.name());
        let kind = match members.text_if_given("format")? {
            Some(format) => {
                let format = format_of(&format).ok_or_else(|| {
                    members.wrong("format", "it is none of `csv`, `jsonl`, `parquet`")
                })?;
                let compression = of_name.map_or(Compression::None, |it| it.compression);
                Kind { format, compression }
            }
            None => of_name.ok_or_else(|| {
                let message = "the name of the file does not end as one of them; give `csv`, `jsonl` or `parquet`";
                members.wrong("format", message)
            })?,
        };
        Ok(Self { at, kind })
    }

    pub(super) async fn rows(
        &self,
        columns: &Columns,
        service: &Service,
        ctx: &Context,
        spool: &mut Spool,
    ) -> Result<(), HandlerError> {
        let download = match &self.at {
            Location::Http(url) => Some(Download::of(url, service, ctx).await?),
            Location::Path(_) | Location::S3 { .. } => None,
        };
        let at = download.as_ref().map_or(&self.at, Download::location);
        let read = file::read(&service.stores, at, Some(self.kind), columns, spool).await;
        read.map_err(|error| refused("Data.uri", error))
    }
}

fn format_of(name: &str) -> Option<Format> {
    match name {
        "csv" => Some(Format::Csv),
        "jsonl" => Some(Format::Jsonl),
        "parquet" => Some(Format::Parquet),
        _ => None,
    }
}
