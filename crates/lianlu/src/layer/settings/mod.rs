//! The options of a layer, by subject. Those that belong together are changed together: a setter
//! gives them to a closure as one value ([`Conventions`], [`Capture`], [`Metrics`], [`Errors`],
//! [`ResponseIds`]) and takes it back.
//!
//! [`Conventions`]: crate::conventions::Conventions
//! [`Capture`]: crate::net::Capture

mod calls;
pub(crate) mod capture;
pub(crate) mod conventions;
mod errors;
mod hooks;
mod metrics;
mod propagation;
mod response_ids;

pub use errors::Errors;
pub use metrics::Metrics;
pub use response_ids::ResponseIds;
