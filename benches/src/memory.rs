//! Memory after a burst: spans as fast as one thread makes them, to a real collector, with every
//! pipeline's own limits.

use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::global;
use serde::{Deserialize, Serialize};

use crate::export::{api_span, fastrace_span};
use crate::machine::processes::Resident;
use crate::peers::{self, Destination, Kind, Protocol};

/// How long the pipeline may tidy up.
const AFTER: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    endpoint: String,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) spans: u64,
    pub(crate) before: Resident,
    pub(crate) after: Resident,
}

pub(crate) fn run(arguments: &Arguments) -> Measured {
    let destination = Destination::Otlp(Protocol::Grpc, arguments.endpoint.clone());
    let (pipeline, _) = peers::install(arguments.kind, &destination, true);
    let tracer = global::tracer("bench");
    let is_fastrace = arguments.kind == Kind::Fastrace;
    let mut spans = 0;
    let mut make = |how_many| {
        for _ in 0..how_many {
            if is_fastrace {
                fastrace_span(spans);
            } else {
                api_span(&tracer, spans);
            }
            spans += 1;
        }
    };
    // The connection and the first buffers are there before anything is measured.
    make(100);
    pipeline.flush();
    let before = Resident::read();
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    while Instant::now() < end {
        make(1000);
    }
    pipeline.flush();
    thread::sleep(AFTER);
    let after = Resident::read();
    pipeline.shutdown();
    Measured {
        spans,
        before,
        after,
    }
}
