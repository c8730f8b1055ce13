//! The source of a layer's instruments: its own meter provider, or the global one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::SpanKind;
use opentelemetry::{InstrumentationScope, global};

use super::instruments::Meters;
use crate::per_generation::PerGeneration;

/// Counts the calls of [`set_meter_provider`], so that layers notice a new provider.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Makes `provider` the global meter provider.
///
/// Like [`opentelemetry::global::set_meter_provider`], but layers without a provider of their own
/// switch to the new one even if they have already served calls.
///
/// ```
/// let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().build();
/// lianlu::set_meter_provider(provider);
/// ```
pub fn set_meter_provider(provider: impl MeterProvider + Send + Sync + 'static) {
    global::set_meter_provider(provider);
    GENERATION.fetch_add(1, Ordering::Release);
}

/// The instruments, made on first use and kept.
#[derive(Clone)]
pub(crate) struct MeterSource {
    provider: Provider,
    scope: InstrumentationScope,
    cache: Arc<PerGeneration<Option<Arc<Meters>>>>,
}

/// Where instruments come from.
#[derive(Clone)]
pub(crate) enum Provider {
    Off,
    Global,
    Own(Arc<dyn MeterProvider + Send + Sync>),
}

impl MeterSource {
    pub(crate) fn global(scope: InstrumentationScope) -> Self {
        Self {
            provider: Provider::Global,
            scope,
            cache: Arc::default(),
        }
    }

    pub(crate) fn provider(&self) -> Provider {
        self.provider.clone()
    }

    pub(crate) fn set_provider(&mut self, provider: Provider) {
        self.provider = provider;
        self.cache = Arc::default();
    }

    pub(crate) fn set_scope(&mut self, scope: InstrumentationScope) {
        self.scope = scope;
        self.cache = Arc::default();
    }

    /// The instruments, and the generation with which [`meters_of`](Self::meters_of) finds the same
    /// ones again. `None` if metrics are switched off.
    #[inline]
    pub(crate) fn meters(&self, kind: &SpanKind) -> Option<(u64, &Arc<Meters>)> {
        let generation = match self.provider {
            Provider::Off => return None,
            Provider::Own(_) => 0,
            Provider::Global => GENERATION.load(Ordering::Acquire),
        };
        let make = || self.make(kind).map(Arc::new);
        let (generation, meters) = self.cache.get(generation, make);
        Some((generation, meters.as_ref()?))
    }

    pub(crate) fn meters_of(&self, generation: u64) -> Option<&Meters> {
        self.cache.of(generation)?.as_deref()
    }

    fn make(&self, kind: &SpanKind) -> Option<Meters> {
        let provider = match &self.provider {
            Provider::Off => return None,
            Provider::Own(provider) => Arc::clone(provider),
            Provider::Global => global::meter_provider(),
        };
        let meter = provider.meter_with_scope(self.scope.clone());
        Some(Meters::new(&meter, kind))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Global => "global",
            Self::Own(_) => "own",
        })
    }
}

impl fmt::Debug for MeterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterSource")
            .field("provider", &self.provider)
            .field("scope", &self.scope.name())
            .finish_non_exhaustive()
    }
}
