//! The instruments of a layer, made once.

use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use opentelemetry_semantic_conventions::metric;

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
    pub(crate) fn server(meter: &Meter) -> Self {
        Self {
            http: Instruments {
                duration: seconds(
                    meter,
                    metric::HTTP_SERVER_REQUEST_DURATION,
                    "Duration of HTTP server requests.",
                ),
                old_duration: milliseconds(
                    meter,
                    "http.server.duration",
                    "Measures the duration of inbound HTTP requests.",
                ),
                http: Some(HttpInstruments {
                    active: active(
                        meter,
                        metric::HTTP_SERVER_ACTIVE_REQUESTS,
                        "Number of active HTTP server requests.",
                    ),
                    request_size: size(
                        meter,
                        metric::HTTP_SERVER_REQUEST_BODY_SIZE,
                        "Size of HTTP server request bodies.",
                    ),
                    response_size: size(
                        meter,
                        metric::HTTP_SERVER_RESPONSE_BODY_SIZE,
                        "Size of HTTP server response bodies.",
                    ),
                }),
            },
            grpc: Instruments {
                duration: seconds(
                    meter,
                    metric::RPC_SERVER_CALL_DURATION,
                    "Measures the duration of an incoming Remote Procedure Call (RPC).",
                ),
                old_duration: milliseconds(
                    meter,
                    "rpc.server.duration",
                    "Measures the duration of inbound RPC.",
                ),
                http: None,
            },
        }
    }

    pub(crate) fn client(meter: &Meter) -> Self {
        Self {
            http: Instruments {
                duration: seconds(
                    meter,
                    metric::HTTP_CLIENT_REQUEST_DURATION,
                    "Duration of HTTP client requests.",
                ),
                old_duration: milliseconds(
                    meter,
                    "http.client.duration",
                    "Measures the duration of outbound HTTP requests.",
                ),
                http: Some(HttpInstruments {
                    active: active(
                        meter,
                        metric::HTTP_CLIENT_ACTIVE_REQUESTS,
                        "Number of active HTTP requests.",
                    ),
                    request_size: size(
                        meter,
                        metric::HTTP_CLIENT_REQUEST_BODY_SIZE,
                        "Size of HTTP client request bodies.",
                    ),
                    response_size: size(
                        meter,
                        metric::HTTP_CLIENT_RESPONSE_BODY_SIZE,
                        "Size of HTTP client response bodies.",
                    ),
                }),
            },
            grpc: Instruments {
                duration: seconds(
                    meter,
                    metric::RPC_CLIENT_CALL_DURATION,
                    "Measures the duration of an outgoing Remote Procedure Call (RPC).",
                ),
                old_duration: milliseconds(
                    meter,
                    "rpc.client.duration",
                    "Measures the duration of outbound RPC.",
                ),
                http: None,
            },
        }
    }
}

fn seconds(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(SECONDS.to_vec())
        .build()
}

fn milliseconds(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("ms")
        .with_description(description)
        .with_boundaries(MILLISECONDS.to_vec())
        .build()
}

fn active(meter: &Meter, name: &'static str, description: &'static str) -> UpDownCounter<i64> {
    meter
        .i64_up_down_counter(name)
        .with_unit("{request}")
        .with_description(description)
        .build()
}

fn size(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<u64> {
    meter
        .u64_histogram(name)
        .with_unit("By")
        .with_description(description)
        .build()
}
