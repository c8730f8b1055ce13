//! What the layers know of gRPC: its codes, its message frames, its deadline header.
//!
//! Follows [PROTOCOL-HTTP2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

mod base64;
mod code;
pub(crate) mod descriptor;
mod frames;
mod timeout;

pub use code::Code;
pub(crate) use code::Status;
pub(crate) use frames::{FrameCounter, MessageMeter};
pub(crate) use timeout::parse_timeout;

/// What every gRPC content type begins with.
pub(crate) const CONTENT_TYPE: &[u8] = b"application/grpc";

/// gRPC-Web's text mode, whose body is base64.
pub(crate) const TEXT_CONTENT_TYPE: &[u8] = b"application/grpc-web-text";

/// Whether a content type is there and begins with `prefix`, in upper or lower case.
pub(crate) fn content_type_begins(headers: &http::HeaderMap, prefix: &[u8]) -> bool {
    crate::known_headers::begins(headers.get(http::header::CONTENT_TYPE), prefix)
}
