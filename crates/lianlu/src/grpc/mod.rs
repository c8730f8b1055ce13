//! What the layers know of gRPC: its codes, its message frames, its deadline header.
//!
//! Follows [PROTOCOL-HTTP2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

mod code;
mod frames;
mod timeout;

pub(crate) use code::{Code, Status};
pub(crate) use frames::{FrameCounter, MessageMeter};
pub(crate) use timeout::parse_timeout;

/// What every gRPC content type begins with.
pub(crate) const CONTENT_TYPE: &[u8] = b"application/grpc";
