//! Where a layer's tracer comes from: its own provider, or the global one.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::trace::{Span, SpanContext, Tracer, TracerProvider};
use opentelemetry::{InstrumentationScope, global};

/// Counts the calls of [`set_tracer_provider`], so that layers notice a new one.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Makes `provider` the global tracer provider.
///
/// The same as [`opentelemetry::global::set_tracer_provider`], but layers without a provider of
/// their own switch to the new one even when they have served calls before. Spans that the earlier
/// provider started still end there.
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
    global::set_tracer_provider(provider);
    GENERATION.fetch_add(1, Ordering::Release);
}

/// A tracer, made on first use and kept.
#[derive(Clone)]
pub(crate) struct TracerSource {
    /// `None` is the global provider.
    provider: Option<Arc<dyn ObjectSafeTracerProvider + Send + Sync>>,
    scope: InstrumentationScope,
    cache: Arc<RwLock<Option<Cached>>>,
}

struct Cached {
    generation: u64,
    tracer: Arc<BoxedTracer>,
}

impl TracerSource {
    pub(crate) fn global(scope: InstrumentationScope) -> Self {
        Self {
            provider: None,
            scope,
            cache: Arc::default(),
        }
    }

    pub(crate) fn set_provider(
        &mut self,
        provider: Arc<dyn ObjectSafeTracerProvider + Send + Sync>,
    ) {
        self.provider = Some(provider);
        self.cache = Arc::default();
    }

    pub(crate) fn set_scope(&mut self, scope: InstrumentationScope) {
        self.scope = scope;
        self.cache = Arc::default();
    }

    pub(crate) fn tracer(&self) -> Arc<BoxedTracer> {
        let generation = match self.provider {
            Some(_) => 0,
            None => GENERATION.load(Ordering::Acquire),
        };
        if let Some(cached) = &*self.cache.read().unwrap_or_else(PoisonError::into_inner)
            && cached.generation == generation
        {
            return Arc::clone(&cached.tracer);
        }
        let tracer = Arc::new(match &self.provider {
            Some(provider) => BoxedTracer::new(provider.boxed_tracer(self.scope.clone())),
            None => global::tracer_with_scope(self.scope.clone()),
        });
        *self.cache.write().unwrap_or_else(PoisonError::into_inner) = Some(Cached {
            generation,
            tracer: Arc::clone(&tracer),
        });
        tracer
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
