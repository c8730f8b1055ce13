//! The peers by name.

use super::Kind;
use super::lianlu::Metrics;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// No tracing.
    None,
    /// What the API alone costs; where spans are exported, constant bytes over a bare socket in their place.
    Floor,
    /// A layer that only puts its own type around the response's body, so that tonic boxes it once more.
    BodyOnly,
    /// With durations going to a meter provider that does nothing.
    Lianlu,
    /// Without metrics.
    LianluNoMetrics,
    /// With the meter provider of `opentelemetry_sdk`.
    LianluSdkMetrics,
    /// Our layer over the provider of `opentelemetry_sdk`.
    LianluOverSdk,
    /// Our layer in a program without a tracer provider.
    LianluNoProvider,
    /// The plain API and `opentelemetry_sdk`, with strings that are kept: what one could write by hand.
    Sdk,
    TowerOtel,
    /// tonic-tracing-opentelemetry and axum-tracing-opentelemetry.
    TracingOtel,
    /// opentelemetry-instrumentation-tower.
    OtelTower,
    TowerHttpOtel,
    /// fastrace-tonic and fastrace-axum as they come.
    Fastrace,
    /// With as many properties as our spans have attributes.
    FastraceFull,
}

/// The layer of a peer.
#[derive(Clone, Copy)]
pub(crate) enum Layers {
    None,
    Floor,
    BodyOnly,
    Lianlu(Metrics),
    ByHand,
    TowerOtel,
    /// The two crates of davidB's.
    Davidb,
    OtelTower,
    TowerHttpOtel,
    Fastrace,
    FastraceFull,
}

impl Peer {
    pub(crate) fn layers(self) -> Layers {
        match self {
            Self::None => Layers::None,
            Self::Floor => Layers::Floor,
            Self::BodyOnly => Layers::BodyOnly,
            Self::Lianlu => Layers::Lianlu(Metrics::Noop),
            Self::LianluNoMetrics | Self::LianluOverSdk | Self::LianluNoProvider => {
                Layers::Lianlu(Metrics::None)
            }
            Self::LianluSdkMetrics => Layers::Lianlu(Metrics::Sdk),
            Self::Sdk => Layers::ByHand,
            Self::TowerOtel => Layers::TowerOtel,
            Self::TracingOtel => Layers::Davidb,
            Self::OtelTower => Layers::OtelTower,
            Self::TowerHttpOtel => Layers::TowerHttpOtel,
            Self::Fastrace => Layers::Fastrace,
            Self::FastraceFull => Layers::FastraceFull,
        }
    }

    /// The pipeline behind the layer.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::None | Self::Floor | Self::BodyOnly | Self::LianluNoProvider => Kind::None,
            Self::Lianlu | Self::LianluNoMetrics | Self::LianluSdkMetrics => Kind::Lianlu,
            Self::Sdk | Self::LianluOverSdk | Self::OtelTower => Kind::Sdk,
            Self::TowerOtel | Self::TracingOtel | Self::TowerHttpOtel => Kind::SdkByTracing,
            Self::Fastrace | Self::FastraceFull => Kind::Fastrace,
        }
    }

    /// As on the command line and in the results.
    pub(crate) fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.expect("no peer is hidden").get_name().to_owned()
    }
}
