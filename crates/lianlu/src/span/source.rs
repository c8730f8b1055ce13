//! The source of a layer's tracer: its own provider, or the global one.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(feature = "pipeline")]
use std::sync::{PoisonError, RwLock};

use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::trace::{Span, SpanContext, Tracer, TracerProvider};
use opentelemetry::{InstrumentationScope, global};

use crate::describe::settings::SCHEMA_URL;
use crate::per_generation::PerGeneration;

/// Counts the calls of [`set_tracer_provider`], so that layers notice a new provider.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The last global provider that was set, if it is lianlu's own.
#[cfg(feature = "pipeline")]
static GLOBAL: RwLock<Option<lianlu_sdk::TracerProvider>> = RwLock::new(None);

/// Makes `provider` the global tracer provider.
///
/// Like [`opentelemetry::global::set_tracer_provider`], but layers without a provider of their own
/// switch to the new one even if they have already served calls, and pass attributes to lianlu's
/// own provider as bytes. Spans that the earlier provider started still end there.
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
    {
        let mut global = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
        *global = own(&provider);
    }
    global::set_tracer_provider(provider);
    GENERATION.fetch_add(1, Ordering::Release);
}

/// The provider, if it is lianlu's own.
#[cfg(feature = "pipeline")]
fn own(provider: &dyn std::any::Any) -> Option<lianlu_sdk::TracerProvider> {
    provider.downcast_ref().cloned()
}

/// A tracer, made on first use and kept.
#[derive(Clone)]
pub(crate) struct TracerSource {
    /// `None`: the global provider.
    provider: Option<Arc<dyn ObjectSafeTracerProvider + Send + Sync>>,
    /// The same provider, if it is lianlu's own.
    #[cfg(feature = "pipeline")]
    own: Option<lianlu_sdk::TracerProvider>,
    scope: InstrumentationScope,
    cache: Arc<PerGeneration<FoundTracer>>,
}

/// A tracer of a provider.
pub(crate) struct FoundTracer {
    pub(crate) tracer: BoxedTracer,
    /// The tracer of lianlu's own provider, if it is that.
    #[cfg(feature = "pipeline")]
    pub(crate) direct: Option<lianlu_sdk::Tracer>,
}

impl TracerSource {
    pub(crate) fn global(scope: InstrumentationScope) -> Self {
        Self {
            provider: None,
            #[cfg(feature = "pipeline")]
            own: None,
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
            self.own = own(&provider);
        }
        self.provider = Some(Arc::new(provider));
        self.cache = Arc::default();
    }

    pub(crate) fn set_scope(&mut self, scope: InstrumentationScope) {
        self.scope = scope;
        self.cache = Arc::default();
    }

    #[inline]
    pub(crate) fn find(&self) -> &FoundTracer {
        let generation = match self.provider {
            Some(_) => 0,
            None => GENERATION.load(Ordering::Acquire),
        };
        self.cache.get(generation, || self.make()).1
    }

    fn make(&self) -> FoundTracer {
        let tracer = match &self.provider {
            Some(provider) => BoxedTracer::new(provider.boxed_tracer(self.scope.clone())),
            None => global::tracer_with_scope(self.scope.clone()),
        };
        #[cfg(feature = "pipeline")]
        let own = match self.provider {
            Some(_) => self.own.clone(),
            None => GLOBAL
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        };
        FoundTracer {
            #[cfg(feature = "pipeline")]
            direct: own.map(|provider| provider.tracer_with_scope(self.scope.clone())),
            tracer,
        }
    }
}

/// Warns once if the spans of this process are lost: without a provider, or with one that was set
/// with the global functions of another version of the crate `opentelemetry`, which this version
/// cannot see. Does not warn about lianlu's own provider, which may be disabled or shut down.
pub(crate) fn check(found: &FoundTracer, span: &SpanContext, parent: &SpanContext) {
    static SETTLED: AtomicBool = AtomicBool::new(false);
    #[cfg(feature = "pipeline")]
    if found.direct.is_some() {
        return;
    }
    #[cfg(not(feature = "pipeline"))]
    let _ = found;
    if SETTLED.load(Ordering::Relaxed) || SETTLED.swap(true, Ordering::Relaxed) {
        return;
    }
    // Without a provider, a new span is the parent again, or invalid.
    if span.is_valid() && span.span_id() != parent.span_id() {
        return;
    }
    let disabled = crate::variables::variable("OTEL_SDK_DISABLED");
    if !disabled.is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        crate::warning::warn(
            "spans go nowhere: there is no tracer provider, or it is shut down. Install a pipeline, or set one with \
             lianlu::set_tracer_provider; one that was set with another version of the crate \
             opentelemetry than 0.33 is not seen. Set OTEL_SDK_DISABLED=true to silence this \
             warning.",
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

/// The default instrumentation scope of the layers' spans.
pub(crate) fn default_scope(name: Cow<'static, str>) -> InstrumentationScope {
    scope_with_schema(name, SCHEMA_URL)
}

/// The default scope, of other conventions.
pub(crate) fn scope_with_schema(
    name: Cow<'static, str>,
    schema_url: &'static str,
) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(schema_url)
        .build()
}
