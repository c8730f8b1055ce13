//! What a provider's tracers and spans share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanLimits;

use super::ids::Ids;
use super::keep::KeepIf;
use super::strategy::Strategy;
use crate::pipeline::{Handle, Shared};
use crate::scopes::Scopes;

/// Scopes that are encoded once; beyond, each tracer has its own.
const MOST_SCOPES: usize = 256;

pub(crate) struct Inner {
    pub(super) strategy: Strategy,
    pub(super) limits: SpanLimits,
    /// How many characters an attribute's text may have.
    pub(super) longest_value: usize,
    pub(super) ids: Ids,
    pub(super) resource: Resource,
    pub(super) keep: KeepIf,
    /// `None` where spans are made and go nowhere.
    pub(super) pipeline: Option<Arc<Shared>>,
    is_shut_down: AtomicBool,
    pub(super) scopes: Scopes<MOST_SCOPES>,
}

impl Inner {
    pub(super) fn new(
        strategy: Strategy,
        limits: SpanLimits,
        longest_value: Option<usize>,
        ids: Ids,
        resource: Resource,
        keep: KeepIf,
        pipeline: Option<Arc<Shared>>,
    ) -> Self {
        Self {
            strategy,
            limits,
            longest_value: longest_value.unwrap_or(usize::MAX),
            ids,
            resource,
            keep,
            pipeline,
            is_shut_down: AtomicBool::new(false),
            scopes: Scopes::default(),
        }
    }

    pub(super) fn handle(&self) -> Handle {
        match &self.pipeline {
            Some(shared) => Handle::of(shared),
            None => Handle::stopped(),
        }
    }

    #[inline]
    pub(super) fn is_shut_down(&self) -> bool {
        self.is_shut_down.load(Ordering::Relaxed)
    }

    pub(super) fn shut_down(&self) {
        self.is_shut_down.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

/// Held by providers and tracers; spans and caches hold [`Inner`] alone. Its end is the pipeline's.
pub(crate) struct Owner(Arc<Inner>);

impl Owner {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.shut_down();
        if let Some(shared) = &self.0.pipeline {
            // Asked, and not waited for: the thread exports what waits and ends.
            let _ = shared.shut_down(Duration::ZERO);
        }
    }
}
