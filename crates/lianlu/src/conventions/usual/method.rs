//! The gRPC calls of one method.

use std::borrow::Cow;

use super::{Success, Usual};
use crate::conventions::datum::fixed;
use crate::conventions::methods;
use crate::conventions::names::{Table, hash};
use crate::conventions::opt_in::OptIn;
use crate::conventions::settings::{RpcStatusKey, Settings};
use crate::conventions::sink::{Labels, Style};
use crate::conventions::table::{self, Surface};
use crate::conventions::{Carried, Described, grpc_spans};
use crate::grpc::Code;

/// A method, and how its calls are written down.
#[derive(Debug)]
pub(crate) struct Method {
    key: Key,
    success: Success,
}

type Key = (&'static str, Style, RpcStatusKey);

static KNOWN: Table<1024, Method> = Table::new();

impl Method {
    /// That of a call, if nothing but its method and how it is written down has a say in its end.
    #[inline]
    pub(crate) fn of(settings: &Settings, carried: &Carried) -> Option<&'static Self> {
        let methods::Method::Known(Cow::Borrowed(method)) = carried.grpc_method else {
            return None;
        };
        let style = carried.style;
        let is_plain = style.surface == Surface::GrpcServer
            && !style.opt_ins.contains(OptIn::ServerAddressOnMetrics);
        if !is_plain {
            return None;
        }
        let key = (method, style, settings.rpc_status_key);
        let is_it = |known: &Self| known.key == key;
        KNOWN.keep_with(hash(method), is_it, || Box::new(Self::new(key, settings)))
    }

    fn new(key: Key, settings: &Settings) -> Self {
        let (method, style, _) = key;
        let success = Success::new(style, Labels::default(), |sink| {
            sink.label(&table::RPC_SYSTEM_NAME, fixed("grpc"));
            grpc_spans::label_method(sink, &Cow::Borrowed(method));
            grpc_spans::status_code(settings, Code::Ok, sink);
        });
        Self { key, success }
    }

    #[inline]
    pub(super) fn start(&'static self) -> Described {
        Described {
            name: Cow::Borrowed(self.name()),
            carried: self.carried(),
            own: (0, 0),
        }
    }

    /// What the end of a call knows from its start.
    #[inline]
    pub(crate) fn carried(&'static self) -> Carried {
        let (method, style, _) = self.key;
        Carried {
            style,
            http_method: Cow::Borrowed(""),
            has_route: true,
            labels_later: true,
            grpc_method: methods::Method::Known(Cow::Borrowed(method)),
            usual: Some(Usual::Method(self)),
        }
    }

    /// How its calls end whose status is `OK`.
    #[inline]
    pub(crate) fn success(&self) -> &Success {
        &self.success
    }

    /// Its name, and that of its spans.
    pub(crate) fn name(&self) -> &'static str {
        self.key.0
    }

    #[inline]
    pub(super) fn style(&self) -> Style {
        self.key.1
    }
}
