//! A cache of encoded instrumentation scopes.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::InstrumentationScope;

use crate::encode::EncodedScope;

/// Encodes each scope once, for the first `LIMIT` scopes; others are encoded on every call. A
/// program has few scopes, and they live as long as it does.
#[derive(Debug, Default)]
pub(crate) struct Scopes<const LIMIT: usize>(Mutex<Vec<(InstrumentationScope, Arc<EncodedScope>)>>);

impl<const LIMIT: usize> Scopes<LIMIT> {
    /// The encoding of a scope. Equal scopes share one.
    pub(crate) fn encoded(&self, scope: &InstrumentationScope) -> Arc<EncodedScope> {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoded)) = scopes.iter().find(|(known, _)| known == scope) {
            return Arc::clone(encoded);
        }
        let encoded = Arc::new(EncodedScope::new(scope));
        if scopes.len() < LIMIT {
            scopes.push((scope.clone(), Arc::clone(&encoded)));
        }
        encoded
    }
}
