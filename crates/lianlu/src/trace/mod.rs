//! The tracing layer, for servers and clients.
//!
//! ```text
//! call()  ── extract or inject ── describe ── start the span ──► Call
//!   │ context current                                             │ owns the span, ends it once
//!   ▼                                                             ▼
//! ResponseFuture ── head: status, trailers-only, empty body ──► ResponseBody ── trailers, end, error
//!   └── error, panic, drop                                        └── panic, drop
//! ```

mod body;
mod call;
mod error;
mod future;
mod layer;
mod options;
mod request_body;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod service;
mod side;

pub use body::ResponseBody;
pub(crate) use call::Scope;
#[cfg(feature = "hyper")]
pub(crate) use error::failure;
pub use future::ResponseFuture;
pub use layer::{ClientLayer, ServerLayer, TraceLayer, client, server};
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestFuture;
pub use service::{ClientService, ServerService, Trace};
pub use side::{ClientSide, ServerSide, Side};
