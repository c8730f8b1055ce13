//! The tracing layer, for servers and clients.
//!
//! ```text
//! call()  ── extract or inject ── describe ── start the span ──► Call
//!   │ context current                                             │ owns the span, ends it once
//!   ▼                                                             ▼
//! ResponseFuture ── head: status, trailers-only, empty body ──► ResponseBody ── trailers, end, error
//!   └── error, panic, drop                                        └── panic, drop
//! ```

mod alarm;
mod body;
mod call;
mod clock;
mod content;
mod direct;
mod error;
mod error_class;
mod exceptions;
mod future;
mod hooks;
mod layer;
mod message_events;
mod options;
mod peer;
mod request_body;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod response_headers;
mod scope;
mod service;
mod settings;
mod side;
mod slices;
mod start;
mod stream_end;

pub use body::ResponseBody;
#[cfg(feature = "hyper")]
pub(crate) use error::failure;
pub use exceptions::Exceptions;
pub use future::ResponseFuture;
pub use hooks::ResponseHead;
pub use layer::{ClientLayer, ServerLayer, TraceLayer, client, server};
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestFuture;
pub(crate) use scope::Scope;
pub use service::{ClientService, ServerService, Trace};
pub use side::{ClientSide, ServerSide, Side};
pub use stream_end::StreamEnd;
