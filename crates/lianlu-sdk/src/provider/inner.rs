//! The state that a provider's spans share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanLimits;

use super::ids::Ids;
use super::keep::KeepIf;
use super::processor::Processors;
use crate::pipeline::{Counted, Handle, Sampled, Shared};
use crate::sampling::Sampler;
use crate::scopes::Scopes;

/// How many scopes are encoded once and shared; further tracers encode their own.
const MOST_SCOPES: usize = 256;

/// What spans need until they have ended. Threads keep it as long as they live, so it must not hold
/// anything that a user has provided.
pub(crate) struct Inner {
    pub(super) limits: SpanLimits,
    /// The maximum length of an attribute's text, in characters.
    pub(super) longest_value: usize,
    pub(super) keep: KeepIf,
    /// `None` if there is no exporter.
    pub(super) pipeline: Option<Arc<Shared>>,
    is_shut_down: AtomicBool,
}

impl Inner {
    pub(super) fn new(
        limits: SpanLimits,
        longest_value: Option<usize>,
        keep: KeepIf,
        pipeline: Option<Arc<Shared>>,
    ) -> Self {
        Self {
            limits,
            longest_value: longest_value.unwrap_or(usize::MAX),
            keep,
            pipeline,
            is_shut_down: AtomicBool::new(false),
        }
    }

    pub(super) fn handle(&self) -> Handle {
        match &self.pipeline {
            Some(shared) => Handle::of(shared),
            None => Handle::stopped(),
        }
    }

    /// Counts a span that is not recorded; `parent` is whether the parent is remote, if there is
    /// one.
    #[inline]
    pub(super) fn count_unrecorded(&self, parent: Option<bool>) {
        if let Some(pipeline) = &self.pipeline {
            pipeline.count(Counted::start(Sampled::Drop, parent));
        }
    }

    #[inline]
    pub(super) fn is_shut_down(&self) -> bool {
        self.is_shut_down.load(Ordering::Relaxed)
    }

    /// Returns whether it was shut down before.
    pub(super) fn shut_down(&self) -> bool {
        self.is_shut_down.swap(true, Ordering::Relaxed)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("limits", &self.limits)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

/// Held by providers and tracers; spans and caches hold only [`Inner`]. Dropping it stops the
/// pipeline.
pub(crate) struct Owner {
    pub(super) inner: Arc<Inner>,
    pub(super) sampler: Sampler,
    pub(super) ids: Ids,
    /// `None` if there are none.
    pub(super) processors: Option<Arc<Processors>>,
    pub(super) resource: Resource,
    pub(super) scopes: Scopes<MOST_SCOPES>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !self.inner.shut_down()
            && let Some(processors) = &self.processors
        {
            processors.shutdown(Instant::now(), Duration::ZERO);
        }
        if let Some(shared) = &self.inner.pipeline {
            // Requests the shutdown without waiting: the thread exports what is queued and ends.
            let _ = shared.shut_down(Duration::ZERO);
        }
    }
}
