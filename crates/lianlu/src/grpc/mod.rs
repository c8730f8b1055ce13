//! The parts of the gRPC protocol that the layers need: status codes, message frames, the deadline
//! header.
//!
//! Follows [PROTOCOL-HTTP2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

pub(crate) mod base64;
mod code;
pub(crate) mod descriptor;
mod frames;
mod timeout;

pub use code::Code;
pub(crate) use code::Status;
pub(crate) use frames::{FrameCounter, MessageMeter};
pub(crate) use timeout::parse_timeout;

/// The prefix of every gRPC content type.
pub(crate) const CONTENT_TYPE: &[u8] = b"application/grpc";

/// The content type of gRPC-Web's text mode, whose body is base64.
pub(crate) const TEXT_CONTENT_TYPE: &[u8] = b"application/grpc-web-text";

/// Returns true if there is a content type and it begins with `prefix`, ignoring case.
pub(crate) fn content_type_begins(headers: &http::HeaderMap, prefix: &[u8]) -> bool {
    crate::known_headers::begins(headers.get(http::header::CONTENT_TYPE), prefix)
}
