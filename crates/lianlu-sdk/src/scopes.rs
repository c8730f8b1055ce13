//! The instrumentation scopes that were seen.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::InstrumentationScope;

use crate::encode::EncodedScope;

/// Encodes each scope once, up to `MOST` of them; beyond, every time it is asked for. Scopes are few, and live as
/// long as the program.
#[derive(Debug, Default)]
pub(crate) struct Scopes<const MOST: usize>(Mutex<Vec<(InstrumentationScope, Arc<EncodedScope>)>>);

impl<const MOST: usize> Scopes<MOST> {
    /// The encoding of a scope. Equal ones have the same.
    pub(crate) fn encoded(&self, scope: &InstrumentationScope) -> Arc<EncodedScope> {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoded)) = scopes.iter().find(|(known, _)| known == scope) {
            return Arc::clone(encoded);
        }
        let encoded = Arc::new(EncodedScope::new(scope));
        if scopes.len() < MOST {
            scopes.push((scope.clone(), Arc::clone(&encoded)));
        }
        encoded
    }
}
