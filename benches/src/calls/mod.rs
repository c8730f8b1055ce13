//! The calls that the layers are measured with: requests, a service that does nothing, and a caller
//! that has neither sockets nor a runtime.

pub(crate) mod caller;
pub(crate) mod handler;
pub(crate) mod requests;
pub(crate) mod service;
