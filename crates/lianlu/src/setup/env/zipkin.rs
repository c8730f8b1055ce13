//! `OTEL_EXPORTER_ZIPKIN_*`.

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::zipkin::Exporter;
use lianlu_sdk::{OptionError, check_endpoint};

use super::super::zipkin::{DEFAULT_COLLECTOR, ENDPOINT};

#[derive(Clone)]
pub(super) struct Zipkin {
    url: String,
    timeout: Duration,
}

pub(super) fn read(reader: &mut Reader, max_timeout: Duration) -> Zipkin {
    let url = reader.text(ENDPOINT);
    let url = url.and_then(|url| match check_endpoint(ENDPOINT, &url) {
        Ok(_) => Some(url),
        Err(error) => {
            reader.refuse(error, format!("{DEFAULT_COLLECTOR} is used"));
            None
        }
    });
    let millis = reader.number("OTEL_EXPORTER_ZIPKIN_TIMEOUT", 1, 10_000);
    Zipkin {
        url: url.unwrap_or_else(|| DEFAULT_COLLECTOR.to_owned()),
        timeout: Duration::from_millis(millis.unwrap_or(10_000)).min(max_timeout),
    }
}

impl Zipkin {
    pub(super) fn build(&self) -> Result<Exporter, OptionError> {
        Exporter::new(ENDPOINT, &self.url, self.timeout)
    }
}
