//! The HTTP calls of one route.

use std::borrow::Cow;
use std::sync::OnceLock;

use http::StatusCode;

use super::{Success, Usual};
use crate::conventions::description::Description;
use crate::conventions::methods;
use crate::conventions::names::{Table, hash};
use crate::conventions::opt_in::OptIns;
use crate::conventions::settings::Settings;
use crate::conventions::sink::{Labels, Sink, Style};
use crate::conventions::table::{self, Surface};
use crate::conventions::{Carried, Described, http_spans};
use crate::request::RequestHead;

/// A method and a route, and how their calls are written down.
#[derive(Debug)]
pub(crate) struct Route {
    key: Key,
    /// Those of the start.
    labels: Labels,
    /// By status. Routes have few good ones; calls with others end as if they were not usual.
    ends: [OnceLock<(StatusCode, Success)>; 4],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// The span's: method and route.
    name: &'static str,
    method: &'static str,
    scheme: &'static str,
    version: Option<&'static str>,
    style: Style,
}

static KNOWN: Table<1024, Route> = Table::new();

impl Route {
    /// That of a call that was described with these labels, if nothing but method, route, scheme and version has a say
    /// in them. The span's name is to be that of the conventions.
    pub(crate) fn of(
        settings: &Settings,
        head: &RequestHead<'_>,
        described: &Described,
        labels: &Labels,
    ) -> Option<&'static Self> {
        let carried = &described.carried;
        let (Cow::Borrowed(name), Cow::Borrowed(method)) = (&described.name, &carried.http_method)
        else {
            return None;
        };
        let style = carried.style;
        let is_plain = style.surface == Surface::HttpServer
            && carried.has_route
            // Not `_OTHER`, of which each has a name of its own.
            && *method == head.method().as_str()
            && style.opt_ins == OptIns::default()
            // These have sizes on spans, which no two calls have alike.
            && !style.conventions.old()
            && !style.active;
        if !is_plain {
            return None;
        }
        let key = Key {
            name,
            method,
            scheme: http_spans::scheme(settings, head),
            version: http_spans::protocol_version(head.version()),
            style,
        };
        let make = || {
            Box::new(Self {
                key,
                labels: labels.clone(),
                ends: [const { OnceLock::new() }; 4],
            })
        };
        KNOWN.keep_with(hash(name), |known| known.key == key, make)
    }

    /// Whether a call's request is one of these, if its route is.
    #[inline]
    pub(crate) fn fits(&self, settings: &Settings, head: &RequestHead<'_>) -> bool {
        self.key.method == head.method().as_str()
            && self.key.version == http_spans::protocol_version(head.version())
            && self.key.scheme == http_spans::scheme(settings, head)
    }

    #[inline]
    pub(super) fn start(
        &'static self,
        settings: &Settings,
        head: &RequestHead<'_>,
        attributes: Description<'_>,
        labels: &mut Labels,
    ) -> Described {
        let Key {
            name,
            method,
            style,
            ..
        } = self.key;
        http_spans::asked_for(settings, head, &mut Sink::new(style, attributes, labels));
        Described {
            name: Cow::Borrowed(name),
            carried: Carried {
                style,
                http_method: Cow::Borrowed(method),
                has_route: true,
                labels_later: true,
                grpc_method: methods::Method::Known(Cow::Borrowed("")),
                usual: Some(Usual::Route(self)),
            },
            own: (0, 0),
        }
    }

    /// The labels that calls have from their start.
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How its calls end that have this answer, if it is a good one.
    #[inline]
    pub(crate) fn success(&self, status: StatusCode) -> Option<&Success> {
        if status.as_u16() >= 500 {
            return None;
        }
        for end in &self.ends {
            let (known, success) = end.get_or_init(|| (status, self.new_success(status)));
            if *known == status {
                return Some(success);
            }
        }
        None
    }

    #[cold]
    fn new_success(&self, status: StatusCode) -> Success {
        Success::new(self.key.style, self.labels.clone(), |sink| {
            sink.put(
                &table::HTTP_RESPONSE_STATUS_CODE,
                i64::from(status.as_u16()),
            );
        })
    }

    #[inline]
    pub(super) fn style(&self) -> Style {
        self.key.style
    }
}
