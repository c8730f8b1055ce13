//! The tower layer around the life of a [`call`](crate::call), for servers and clients.
//!
//! ```text
//! Trace::call ─► call::start ─► inner service ─► ResponseFuture ─► ResponseBody
//!                                                 head, error       data, trailers, end, error
//! ```

mod body;
mod future;
#[allow(clippy::module_inception)]
mod layer;
mod request_body;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod service;
mod settings;
mod side;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{ClientLayer, ServerLayer, TraceLayer, client, server};
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestFuture;
pub use service::{ClientService, ServerService, Trace};
pub use side::{ClientSide, ServerSide, Side};
