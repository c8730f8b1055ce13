//! The gRPC calls of one method.

use std::borrow::Cow;

use super::{Success, Usual};
use crate::conventions::methods;
use crate::conventions::names::{Table, hash};
use crate::conventions::opt_in::{OptIn, OptIns};
use crate::conventions::settings::{RpcStatusKey, Settings};
use crate::conventions::sink::{Labels, Style};
use crate::conventions::table::Surface;
use crate::conventions::{Carried, Described, grpc_spans};
use crate::grpc::Code;

/// A method, and how its calls are written down: those to a server, or a client's to one certain server.
#[derive(Debug)]
pub(crate) struct Method {
    key: Key,
    /// Those of the start.
    labels: Labels,
    success: Success,
}

type Key = (&'static str, Style, RpcStatusKey);

static KNOWN: Table<1024, Method> = Table::new();

impl Method {
    /// That of a call that was described with these labels, if nothing but them, its method and how it is written down
    /// has a say in its end.
    pub(crate) fn of(
        settings: &Settings,
        carried: &Carried,
        labels: &Labels,
    ) -> Option<&'static Self> {
        let methods::Method::Known(Cow::Borrowed(method)) = carried.grpc_method else {
            return None;
        };
        let style = carried.style;
        let is_plain = match style.surface {
            Surface::GrpcServer => !style.opt_ins.contains(OptIn::ServerAddressOnMetrics),
            Surface::GrpcClient => style.opt_ins == OptIns::default(),
            _ => false,
        };
        if !is_plain {
            return None;
        }
        let key = (method, style, settings.rpc_status_key);
        let is_it = |known: &Self| known.key == key && known.labels == *labels;
        let make = || Box::new(Self::new(key, settings, labels));
        let server = labels.current.last().map(|label| label.value.as_str());
        let hash = hash(method) ^ server.map_or(0, |server| hash(&server)).rotate_left(7);
        KNOWN.keep_with(hash, is_it, make)
    }

    #[cold]
    fn new(key: Key, settings: &Settings, labels: &Labels) -> Self {
        let (method, style, _) = key;
        let success = Success::new(style, labels.clone(), |sink| {
            grpc_spans::label_method(sink, &Cow::Borrowed(method));
            grpc_spans::status_code(settings, Code::Ok, sink);
        });
        Self {
            key,
            labels: labels.clone(),
            success,
        }
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

    /// The labels that calls have from their start.
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
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
