//! Where a layer's tracer comes from: its own provider, or the global one.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::trace::{Span, SpanContext, Tracer, TracerProvider};
use opentelemetry::{InstrumentationScope, global};

use crate::latest::Latest;

/// Counts the calls of [`set_tracer_provider`], so that layers notice a new one.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Whether the provider that was set last was one of ours.
#[cfg(feature = "pipeline")]
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Makes `provider` the global tracer provider.
///
/// The same as [`opentelemetry::global::set_tracer_provider`], but layers without a provider of
/// their own switch to the new one even when they have served calls before, and take the short way to one of
/// lianlu's own. Spans that the earlier provider started still end there.
///
/// ```
/// let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
/// lianlu::set_tracer_provider(provider);
/// ```
pub fn set_tracer_provider<P, T, S>(provider: P)
where
    S: Span + Send + Sync + 'static,
    T: Tracer<Span = S> + Send + Sync + 'static,
    P: TracerProvider<Tracer = T> + Send + Sync + 'static,
{
    #[cfg(feature = "pipeline")]
    IS_OURS.store(is_ours(&provider), Ordering::Release);
    global::set_tracer_provider(provider);
    GENERATION.fetch_add(1, Ordering::Release);
}

#[cfg(feature = "pipeline")]
fn is_ours(provider: &dyn std::any::Any) -> bool {
    provider.is::<lianlu_sdk::TracerProvider>()
}

/// A tracer, made on first use and kept.
#[derive(Clone)]
pub(crate) struct TracerSource {
    /// `None` is the global provider.
    provider: Option<Arc<dyn ObjectSafeTracerProvider + Send + Sync>>,
    /// Whether that one is ours.
    #[cfg(feature = "pipeline")]
    is_ours: bool,
    scope: InstrumentationScope,
    cache: Arc<Latest<Found>>,
}

/// A tracer, and what stands behind it.
pub(crate) struct Found {
    pub(crate) tracer: BoxedTracer,
    /// The same, if it is one of ours.
    #[cfg(feature = "pipeline")]
    pub(crate) direct: Option<lianlu_sdk::Tracer>,
}

impl TracerSource {
    pub(crate) fn global(scope: InstrumentationScope) -> Self {
        Self {
            provider: None,
            #[cfg(feature = "pipeline")]
            is_ours: false,
            scope,
            cache: Arc::default(),
        }
    }

    pub(crate) fn set_provider<P>(&mut self, provider: P)
    where
        P: ObjectSafeTracerProvider + Send + Sync + 'static,
    {
        #[cfg(feature = "pipeline")]
        {
            self.is_ours = is_ours(&provider);
        }
        self.provider = Some(Arc::new(provider));
        self.cache = Arc::default();
    }

    pub(crate) fn set_scope(&mut self, scope: InstrumentationScope) {
        self.scope = scope;
        self.cache = Arc::default();
    }

    #[inline]
    pub(crate) fn find(&self) -> &Found {
        let generation = match self.provider {
            Some(_) => 0,
            None => GENERATION.load(Ordering::Acquire),
        };
        self.cache.get(generation, || self.make()).1
    }

    fn make(&self) -> Found {
        let tracer = match &self.provider {
            Some(provider) => BoxedTracer::new(provider.boxed_tracer(self.scope.clone())),
            None => global::tracer_with_scope(self.scope.clone()),
        };
        #[cfg(feature = "pipeline")]
        let is_ours = match self.provider {
            Some(_) => self.is_ours,
            None => IS_OURS.load(Ordering::Acquire),
        };
        Found {
            // The global one may have been replaced behind our back; it is asked itself.
            #[cfg(feature = "pipeline")]
            direct: is_ours
                .then(|| lianlu_sdk::direct::tracer_behind(&tracer))
                .flatten(),
            tracer,
        }
    }
}

/// Says once if the spans of this process go nowhere: without a provider, or with one that was given to
/// the global functions of another version of the crate `opentelemetry`, which this one can't see. A
/// provider that has been shut down is no such thing.
pub(crate) fn check(span: &SpanContext, parent: &SpanContext) {
    static SETTLED: AtomicBool = AtomicBool::new(false);
    if SETTLED.load(Ordering::Relaxed) || SETTLED.swap(true, Ordering::Relaxed) {
        return;
    }
    // Without a provider a span is its parent again, or nothing.
    if span.is_valid() && span.span_id() != parent.span_id() {
        return;
    }
    let disabled = std::env::var("OTEL_SDK_DISABLED");
    if !disabled.is_ok_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        crate::warning::warn(
            "spans go nowhere: there is no tracer provider. Install a pipeline, or set one with \
             lianlu::set_tracer_provider; one that was set with another version of the crate \
             opentelemetry than 0.33 is not seen. (OTEL_SDK_DISABLED=true means it, and is not told \
             so.)",
        );
    }
}

impl fmt::Debug for TracerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerSource")
            .field("global", &self.provider.is_none())
            .field("scope", &self.scope.name())
            .finish_non_exhaustive()
    }
}

/// The scope of the spans that the layers make by default.
pub(crate) fn default_scope(name: Cow<'static, str>) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(opentelemetry_semantic_conventions::SCHEMA_URL)
        .build()
}
