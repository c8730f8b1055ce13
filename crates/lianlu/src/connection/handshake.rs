//! How a `tls` span learns when the connection under it was made.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::Context;

/// Where the connection under a handshake has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Below {
    /// No layer of ours is there to tell.
    #[default]
    Unseen,
    Connecting,
    Connected(SystemTime),
}

/// A value of the context: written by the `connect` layer inside, read by the `tls` layer outside.
#[derive(Debug, Clone, Default)]
pub(super) struct Handshake(Option<Arc<Mutex<Below>>>);

impl Handshake {
    pub(super) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Takes the handshake that waits for a connection from the context, so that no other connection
    /// (a resolver's, say) answers for this one.
    pub(super) fn take(context: Context) -> (Context, Option<Self>) {
        match context.get::<Self>() {
            Some(handshake) if handshake.0.is_some() => {
                let handshake = handshake.clone();
                handshake.set(Below::Connecting);
                (context.with_value(Self::default()), Some(handshake))
            }
            _ => (context, None),
        }
    }

    pub(super) fn set(&self, below: Below) {
        if let Some(state) = &self.0 {
            *state.lock().unwrap_or_else(PoisonError::into_inner) = below;
        }
    }

    pub(super) fn below(&self) -> Below {
        match &self.0 {
            Some(state) => *state.lock().unwrap_or_else(PoisonError::into_inner),
            None => Below::Unseen,
        }
    }
}
