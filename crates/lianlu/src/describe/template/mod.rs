//! Templates: what one run of the description has left behind, for calls that are alike.
//!
//! gRPC calls of one method, and HTTP calls of one method and route, between the same two ends, begin with the same name
//! and the same attributes, but for path, query, URL and the peer's port; and most of them end alike. As long as nothing
//! else changes the description (no hook, no captured header, no proxy), a template takes its place.
//!
//! ```text
//! CallKey ─► cache ─► CallTemplate ─┬─ start: attributes │ own: path, query, URL of this call
//!                                   └─ ends by status: attributes, labels │ counts of this call
//! ```
//!
//! A hit replaces the description and nothing else of a call's life. The templates of a thread are its own, up to a
//! limit; a peer that calls once leaves none.

mod cache;
mod end;
mod key;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use lianlu_wire::otlp::AttributeBlock;

use super::http;
use super::labels::Labels;
use super::methods::Method;
use super::request::{CallInfo, Described};
use super::settings::Settings;
use super::signals::SignalWriter;
use super::surface::{Dialect, OTHER, Protocol, Surface};
use super::target::Target;
use super::writer::AttributeWriter;
use super::{keys, opt_in::OptIns};
use crate::known_headers::KnownHeaders;
use crate::request::RequestHead;

pub(crate) use end::EndTemplate;
pub(crate) use key::CallKey;
use key::OwnedKey;

/// How many ends a template has. A method or route has few statuses; the others are described each time.
const ENDS: usize = 4;

/// What calls with the same [`CallKey`] have in common.
#[derive(Debug)]
pub(crate) struct CallTemplate {
    key: OwnedKey,
    name: Cow<'static, str>,
    pub(crate) info: CallInfo,
    /// Those of the start.
    pub(crate) labels: Labels,
    /// `None` if it was made of a call that was not recorded.
    start: Option<StartTemplate>,
    ends: [OnceLock<(u32, EndTemplate)>; ENDS],
}

#[derive(Debug)]
struct StartTemplate {
    block: AttributeBlock,
    /// Where the peer's port stands.
    port_ends: Vec<usize>,
}

/// Whether calls with these settings that have the same key are described alike, if nothing else changes their
/// description.
pub(crate) fn fits(settings: &Settings) -> bool {
    settings.dialect == Dialect::OpenTelemetry
        && settings.request_headers.is_empty()
        && settings.opt_ins == OptIns::default()
}

impl CallTemplate {
    /// The template of a call, if calls like it have come before. It is written to `attributes`; the name is given.
    #[inline]
    pub(crate) fn start(
        key: &CallKey<'_>,
        settings: &Settings,
        head: &RequestHead<'_>,
        headers: &KnownHeaders<'_>,
        target: Option<&Target>,
        attributes: &mut AttributeWriter<'_>,
    ) -> Option<Arc<Self>> {
        let template = cache::find(key, head)?;
        if attributes.is_wanted() {
            let start = template.start.as_ref()?;
            let at = attributes.append(&start.block)?;
            let port = key.port();
            for end in &start.port_ends {
                attributes.overwrite(at + end - port.len(), &port);
            }
            if key.protocol == Protocol::Http {
                // No labels: those of the start are in the template.
                let mut labels = Labels::default();
                let style = template.info.style;
                let mut out = SignalWriter::new(style, attributes.reborrow(), &mut labels);
                http::own(settings, head, headers, target, &mut out);
            }
        }
        Some(template)
    }

    /// The span's name at the start.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    /// Makes a template of a call that was just described, if its method or route is one of the service's own and such a
    /// call has come before.
    #[cold]
    pub(crate) fn learn(
        key: &CallKey<'_>,
        settings: &Settings,
        head: &RequestHead<'_>,
        described: &Described,
        attributes: &AttributeWriter<'_>,
        labels: &Labels,
    ) {
        if !key.is_short() || !is_common(key, head, described) {
            return;
        }
        let mut is_named = false;
        if key.protocol == Protocol::Grpc {
            let known = settings.grpc_methods.find(head.path(), false);
            is_named = !matches!(known, Method::Known(_));
        }
        cache::insert(key, head, || {
            let start = match attributes {
                AttributeWriter::Bytes(attributes) => {
                    let block = attributes.block(0..described.shared);
                    let port_ends = key.peer_port_end(&block).into_iter().collect();
                    Some(StartTemplate { block, port_ends })
                }
                _ => None,
            };
            Self {
                key: key.owned(head, is_named),
                name: described.name.clone(),
                info: described.info.clone(),
                labels: labels.clone(),
                start,
                ends: [const { OnceLock::new() }; ENDS],
            }
        });
    }

    /// How calls end that have this status and no error.
    #[inline]
    pub(crate) fn end(&self, settings: &Settings, status: EndStatus) -> Option<&EndTemplate> {
        for end in &self.ends {
            let (known, end) = end.get_or_init(|| {
                let end = EndTemplate::new(settings, &self.info, &self.labels, status);
                (status.number(), end)
            });
            if *known == status.number() {
                return Some(end);
            }
        }
        None
    }
}

/// What tells the ends of calls apart that have no error.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndStatus {
    /// A gRPC call whose status is `OK`.
    GrpcOk,
    Http(::http::StatusCode, ::http::Version),
}

impl EndStatus {
    #[inline]
    fn number(self) -> u32 {
        match self {
            Self::GrpcOk => 0,
            Self::Http(status, version) => {
                u32::from(status.as_u16()) << 8 | u32::from(key::version_number(version))
            }
        }
    }
}

/// Whether a call has a name of low cardinality that is its key's.
fn is_common(key: &CallKey<'_>, head: &RequestHead<'_>, described: &Described) -> bool {
    let info = &described.info;
    match (key.protocol, &info.grpc_method) {
        (Protocol::Grpc, Method::Known(Cow::Borrowed(method))) => described.name == *method,
        (Protocol::Grpc, _) => false,
        (Protocol::Http, _) => {
            let is_known = info.http_method == head.method().as_str();
            // Sizes are on the spans of the old conventions.
            let is_alike = !info.style.conventions.old() && !info.style.active;
            let has_scheme = info.style.surface != Surface::HttpClient
                || matches!(key.scheme(), "http" | "https");
            is_known && is_alike && has_scheme && info.http_method != OTHER
        }
    }
}

/// The key of the peer's port, whose value is written anew for each call.
const PEER_PORT: &str = keys::NETWORK_PEER_PORT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_versions_have_ends_of_their_own() {
        use ::http::{StatusCode, Version};

        let all = [
            EndStatus::GrpcOk,
            EndStatus::Http(StatusCode::OK, Version::HTTP_11),
            EndStatus::Http(StatusCode::OK, Version::HTTP_2),
            EndStatus::Http(StatusCode::NOT_FOUND, Version::HTTP_2),
        ];
        for (at, status) in all.iter().enumerate() {
            let others = all.iter().skip(at + 1);
            assert!(
                others
                    .into_iter()
                    .all(|other| other.number() != status.number())
            );
        }
    }
}
