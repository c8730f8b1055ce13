//! Zipkin's own protocol: spans as JSON, version 2.
//!
//! The body of `POST /api/v2/spans` on port 9411, content type `application/json`: an array of
//! objects. See [Zipkin's API](https://zipkin.io/zipkin-api/#/default/post_spans).
//!
//! ```json
//! [{
//!   "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
//!   "id": "00f067aa0ba902b7",
//!   "name": "get /basket",
//!   "kind": "SERVER",
//!   "timestamp": 1790000000000000,
//!   "duration": 1250,
//!   "localEndpoint": { "serviceName": "shop", "ipv4": "10.0.0.7", "port": 8080 },
//!   "annotations": [{ "timestamp": 1790000000000100, "value": "cache miss" }],
//!   "tags": { "http.method": "GET" }
//! }]
//! ```

mod address;
mod codec;
mod id;
mod model;
mod tags;
mod text;

pub use codec::{DecodeError, EncodeError, decode_spans, encode_spans};
pub use model::{Annotation, Endpoint, Kind, Span};
