//! The layer: its service, future and body, and what its options take and give.
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
pub(crate) mod settings;
mod side;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{ClientLayer, ServerLayer, TraceLayer, client, server};
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestFuture;
pub use service::{ClientService, ServerService, Trace};
pub use settings::{Errors, Metrics, ResponseIds};
pub use side::{ClientSide, ServerSide, Side};

pub use crate::attempts::{AttemptsFuture, AttemptsLayer, AttemptsService};
pub use crate::call::exceptions::Exceptions;
pub use crate::call::hints::{ResendCount, UrlTemplate};
pub use crate::call::hooks::ResponseHead;
pub use crate::describe::outcome::Outcome;
pub use crate::request::RequestHead;
#[cfg(feature = "axum")]
pub use crate::route::{RouteFuture, RouteLayer, RouteService};
