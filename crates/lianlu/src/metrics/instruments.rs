//! The instruments of a layer, made once.

use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use opentelemetry::trace::SpanKind;

/// The buckets of the conventions, in seconds.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The SDKs' default buckets, in milliseconds, from when the old conventions were current.
const MILLISECONDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

/// The instruments of one protocol on one side.
#[derive(Debug)]
pub(crate) struct Instruments {
    /// In seconds.
    pub(crate) duration: Histogram<f64>,
    /// In milliseconds, under the old name.
    pub(crate) old_duration: Histogram<f64>,
    /// HTTP only, like the sizes.
    pub(crate) http: Option<HttpInstruments>,
}

#[derive(Debug)]
pub(crate) struct HttpInstruments {
    pub(crate) active: UpDownCounter<i64>,
    /// In bytes.
    pub(crate) request_size: Histogram<u64>,
    pub(crate) response_size: Histogram<u64>,
}

/// All instruments of a layer.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) http: Instruments,
    pub(crate) grpc: Instruments,
}

impl Meters {
    pub(crate) fn new(meter: &Meter, kind: &SpanKind) -> Self {
        let is_client = *kind == SpanKind::Client;
        let (side, direction) = match is_client {
            true => ("client", "outbound"),
            false => ("server", "inbound"),
        };
        // Of the conventions' descriptions, only this one differs more between the two sides.
        let active = match is_client {
            true => "Number of active HTTP requests.".to_owned(),
            false => "Number of active HTTP server requests.".to_owned(),
        };
        let measures = |what| format!("Measures the duration of {direction} {what}.");
        let name = |metric| format!("http.{side}.{metric}");
        let http = HttpInstruments {
            active: meter
                .i64_up_down_counter(name("active_requests"))
                .with_unit("{request}")
                .with_description(active)
                .build(),
            request_size: size(meter, name("request.body.size"), side, "request"),
            response_size: size(meter, name("response.body.size"), side, "response"),
        };
        let http_duration = format!("Duration of HTTP {side} requests.");
        let what = match is_client {
            true => "an outgoing",
            false => "an incoming",
        };
        let rpc = format!("Measures the duration of {what} Remote Procedure Call (RPC).");
        Self {
            http: Instruments {
                duration: seconds(meter, name("request.duration"), http_duration),
                old_duration: milliseconds(meter, name("duration"), measures("HTTP requests")),
                http: Some(http),
            },
            grpc: Instruments {
                duration: seconds(meter, format!("rpc.{side}.call.duration"), rpc),
                old_duration: milliseconds(meter, format!("rpc.{side}.duration"), measures("RPC")),
                http: None,
            },
        }
    }
}

fn seconds(meter: &Meter, name: String, description: String) -> Histogram<f64> {
    let histogram = meter.f64_histogram(name).with_description(description);
    let histogram = histogram.with_unit("s");
    histogram.with_boundaries(SECONDS.to_vec()).build()
}

fn milliseconds(meter: &Meter, name: String, description: String) -> Histogram<f64> {
    let histogram = meter.f64_histogram(name).with_description(description);
    let histogram = histogram.with_unit("ms");
    histogram.with_boundaries(MILLISECONDS.to_vec()).build()
}

fn size(meter: &Meter, name: String, side: &str, what: &str) -> Histogram<u64> {
    let histogram = meter.u64_histogram(name).with_unit("By");
    let description = format!("Size of HTTP {side} {what} bodies.");
    histogram.with_description(description).build()
}
