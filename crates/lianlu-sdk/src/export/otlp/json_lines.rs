//! OTLP in JSON, one request a line.

use std::fmt;
use std::io::{self, Write};

use lianlu_wire::otlp::{Request, write_json};

use crate::export::batch::Batch;
use crate::export::{Export, Failure};

/// Writes each batch as a line of OTLP in JSON, in the [file
/// format](https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/) that collectors read:
/// the exporter `otlp/stdout`.
pub struct JsonLines {
    out: Box<dyn Write + Send>,
}

impl JsonLines {
    /// Writes to standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::to_writer(io::stdout())
    }

    /// Writes to `out`.
    #[must_use]
    pub fn to_writer(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out) }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), String> {
        let mut request = Vec::new();
        batch.write_request(&mut request);
        let json = write_json(&Request::new(&request)).map_err(|error| error.to_string())?;
        // A single write, so that other output does not split the line.
        let line = [&*json, b"\n"].concat();
        let written = self.out.write_all(&line).and_then(|()| self.out.flush());
        written.map_err(|error| error.to_string())
    }
}

impl Export for JsonLines {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let failure = |reason| Failure::new(batch.len(), format!("otlp/stdout: {reason}"));
        self.write(batch).map_err(failure)
    }

    fn destination(&self) -> String {
        "otlp/stdout".to_owned()
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}
