//! What a call is, in attributes and labels.

use std::borrow::Cow;

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, StringValue};

use super::New;
use crate::describe::writer::AttributeWriter;
use crate::describe::opt_in::OptIn;
use crate::describe::signals::Labels;
use crate::describe::{self, Described, Dialect, Start, names};
use crate::net::forwarded;
use crate::propagation::CallerService;
use crate::request::RequestHead;
use crate::route::Route;
use crate::call::options::Options;
use crate::call::peer::{local, peer, transport};
use crate::call::trace_options::TraceOptions;

impl New<'_> {
    /// What the call is, for its span and its metrics. `true` if the user has named it.
    #[inline]
    pub(super) fn describe(
        &mut self,
        parent: &Context,
        mut attributes: AttributeWriter<'_>,
        labels: &mut Labels,
    ) -> (Described, bool) {
        let (options, head) = (self.options, self.head);
        let opt_ins = options.settings.opt_ins;
        let is_kratos = options.settings.dialect == Dialect::Kratos;
        let is_server = self.kind == SpanKind::Server;
        let peer = if is_server { peer(&head) } else { None };
        let caller = parent.get::<CallerService>().filter(|_| is_server);
        let start = Start {
            kind: self.kind.clone(),
            protocol: self.protocol,
            head,
            scan: self.scan,
            route: self.route.take().map(StringValue::from),
            told: std::mem::take(&mut self.told),
            peer,
            // Looked up only for those who have asked for them.
            local: if is_server && opt_ins.contains(OptIn::NetworkLocal) {
                local(&head)
            } else {
                None
            },
            transport: if is_server && opt_ins.contains(OptIn::NetworkTransport) {
                transport(&head, peer)
            } else {
                None
            },
            origin: match &options.proxies {
                Some(proxies) if is_server => {
                    forwarded::resolve(proxies, peer.map(|peer| peer.ip()), head.headers())
                }
                _ => forwarded::Origin::default(),
            },
            target: options.target.as_ref(),
            caller: caller.map(CallerService::as_str),
            operation: if is_kratos { said(&head, parent) } else { None },
            path_template: if is_kratos { said(&head, parent) } else { None },
            metrics: self.meters.is_some(),
            active: options.active_requests && self.meters.is_some(),
        };
        let mut described = conventions::start(&options.settings, &start, &mut attributes, labels);
        let named = add_what_users_say(
            options,
            &head,
            self.asked,
            &mut described.name,
            &mut attributes,
        );
        (described, named)
    }
}

/// Names and attributes of hooks and of the request itself, for the sampler to see. `true` if one of
/// them has named the span.
fn add_what_users_say(
    options: &Options,
    head: &RequestHead<'_>,
    asked: Option<&TraceOptions>,
    described_name: &mut Cow<'static, str>,
    attributes: &mut AttributeWriter<'_>,
) -> bool {
    let mut named = false;
    let hook = options.hooks.span_name.as_ref();
    if let Some(name) = hook.and_then(|hook| hook(head)) {
        *described_name = name;
        named = true;
    }
    if let Some(hook) = &options.hooks.attributes {
        attributes.extend(hook(head));
    }
    if let Some(asked) = asked {
        attributes.extend(asked.attributes().iter().cloned());
        if let Some(name) = asked.name() {
            *described_name = name;
            named = true;
        }
    }
    named
}

/// What an outer layer has said with an extension, or the caller with a value of the context.
fn said<'a, T: Send + Sync + 'static>(
    head: &RequestHead<'a>,
    context: &'a Context,
) -> Option<&'a T> {
    head.extensions().get().or_else(|| context.get())
}

/// The route's template; a constant while there is room for more of them.
pub(super) fn route(head: &RequestHead<'_>) -> Option<Cow<'static, str>> {
    if let Some(route) = head.extensions().get::<Route>() {
        return Some(kept(&route.0));
    }
    #[cfg(feature = "axum")]
    if let Some(route) = head.extensions().get::<axum::extract::MatchedPath>() {
        return Some(kept(route.as_str()));
    }
    None
}

/// A template of the service's own.
fn kept(template: &str) -> Cow<'static, str> {
    match names::kept(template) {
        Some(kept) => kept.into(),
        None => template.to_owned().into(),
    }
}
