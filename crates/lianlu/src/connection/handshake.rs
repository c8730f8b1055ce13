//! Tells a `tls` span when the connection below it was established.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::Context;

/// The state of the connection below a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ConnectState {
    /// There is no `connect` layer below.
    #[default]
    Unknown,
    Connecting,
    Connected(SystemTime),
}

/// A context value that the inner `connect` layer writes and the outer `tls` layer reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Handshake(Option<Arc<Mutex<ConnectState>>>);

impl Handshake {
    pub(super) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Takes the waiting handshake out of the context, so that no other connection (for example a
    /// resolver's) updates it.
    pub(super) fn take(context: Context) -> (Context, Option<Self>) {
        match context.get::<Self>() {
            Some(handshake) if handshake.0.is_some() => {
                let handshake = handshake.clone();
                handshake.set(ConnectState::Connecting);
                (context.with_value(Self::default()), Some(handshake))
            }
            _ => (context, None),
        }
    }

    pub(super) fn set(&self, new: ConnectState) {
        if let Some(state) = &self.0 {
            *state.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    pub(super) fn state(&self) -> ConnectState {
        match &self.0 {
            Some(state) => *state.lock().unwrap_or_else(PoisonError::into_inner),
            None => ConnectState::Unknown,
        }
    }
}
