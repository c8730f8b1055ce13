//! Templates: the result of one description, reused for similar calls.
//!
//! gRPC calls of one method, or HTTP calls of one method and route, between the same two ends start
//! with the same name and the same attributes, except for path, query, URL and the peer's port.
//! Most of them also end with the same attributes. If nothing else changes the description (no
//! hook, no captured header, no proxy), a template replaces it.
//!
//! ```text
//! CallKey ─► cache ─► CallTemplate ─┬─ start: attributes │ own: path, query, URL of this call
//!                                   └─ ends by status: attributes, labels │ counts of this call
//! ```
//!
//! A hit replaces only the description; everything else happens as for other calls. Each thread has
//! its own templates, up to a limit. A peer that calls only once does not create one.

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

/// How many ends a template has. A method or route has few statuses; further ones are described for
/// each call.
const ENDS: usize = 4;

/// The shared description of calls with the same [`CallKey`].
#[derive(Debug)]
pub(crate) struct CallTemplate {
    key: OwnedKey,
    name: Cow<'static, str>,
    pub(crate) info: CallInfo,
    /// The labels of the start.
    pub(crate) labels: Labels,
    /// `None` if the template was made from a call that was not recorded.
    start: Option<StartTemplate>,
    ends: [OnceLock<(u32, EndTemplate)>; ENDS],
}

#[derive(Debug)]
struct StartTemplate {
    block: AttributeBlock,
    /// Where the peer's port ends.
    port_end: Option<usize>,
}

/// True if, with these settings, calls with the same key have the same description, provided that
/// nothing else changes it.
pub(crate) fn fits(settings: &Settings) -> bool {
    settings.dialect == Dialect::OpenTelemetry
        && settings.request_headers.is_empty()
        && settings.opt_ins == OptIns::default()
}

impl CallTemplate {
    /// The template of a call, if similar calls have occurred before. Writes its attributes to
    /// `attributes`, and returns the name.
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
            if let Some(end) = start.port_end {
                attributes.overwrite(at + end - port.len(), &port);
            }
            if key.protocol == Protocol::Http {
                // The template already has the labels of the start.
                let mut out = SignalWriter::of_span(template.info.style, attributes.reborrow());
                http::own(settings, head, headers, target, &mut out);
            }
        }
        Some(template)
    }

    /// The span's name at the start.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    /// Makes a template from the call that was just described, if its method or route belongs to
    /// the service and such a call has occurred before.
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
        cache::insert(key.hash, || {
            let start = match attributes {
                AttributeWriter::Bytes(attributes) => {
                    let block = attributes.block(0..described.shared);
                    let port_end = block.end_of(PEER_PORT);
                    Some(StartTemplate { block, port_end })
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

    /// The template for the end of calls with this status and no error.
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

/// What the description of an end without an error depends on.
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

/// True if the call's name has low cardinality and is determined by its key.
fn is_common(key: &CallKey<'_>, head: &RequestHead<'_>, described: &Described) -> bool {
    let info = &described.info;
    match (key.protocol, &info.grpc_method) {
        (Protocol::Grpc, Method::Known(Cow::Borrowed(method))) => described.name == *method,
        (Protocol::Grpc, _) => false,
        (Protocol::Http, _) => {
            let is_known = info.http_method == head.method().as_str();
            // In the old conventions, spans have sizes.
            let is_alike = !info.style.conventions.old() && !info.style.active;
            let has_scheme = info.style.surface != Surface::HttpClient
                || matches!(key.scheme(), "http" | "https");
            is_known && is_alike && has_scheme && info.http_method != OTHER
        }
    }
}

/// The key of the peer's port, whose value is written for each call.
const PEER_PORT: &str = keys::NETWORK_PEER_PORT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_versions_have_separate_ends() {
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
