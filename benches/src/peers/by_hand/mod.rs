//! A minimal server layer over the plain API, written for speed: every string that can be kept is.
//!
//! It makes the attributes that our layer makes for a gRPC call, in the cheapest way that the API has:
//!
//! `rpc.system.name`, `rpc.method`, `server.address`, `server.port`, `network.peer.address`,
//! `network.peer.port`, `rpc.response.status_code`, and the counts of messages and bytes, of requests
//! only where ours are counted too; for HTTP as many of HTTP's. Nothing else that a layer for real use does is done: no limits to what is kept, no
//! errors, no panics, no early drops, no metrics.

mod body;
mod describe;
mod kept;
mod layer;

pub(crate) use describe::{counts_messages, peer};
pub(crate) use layer::layer;
