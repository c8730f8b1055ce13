//! How a server's gRPC calls end when they go well.
//!
//! Nearly all do, and all of one method then say the same, but for their counts. It is made once for each method, and
//! kept for good: methods that come here are the service's own, up to a limit.

use std::borrow::Cow;

use lianlu_sdk::direct::Ending;

use super::datum::fixed;
use super::description::{Description, copy};
use super::methods::Method;
use super::names::{Table, hash};
use super::opt_in::OptIn;
use super::settings::{RpcStatusKey, Settings};
use super::sink::{Labels, Sink, Style};
use super::table::{self, Surface};
use super::{Carried, Described, Totals, grpc_spans};
use crate::grpc::Code;

/// What the end of such a call adds to its span, and the labels of its metrics.
#[derive(Debug)]
pub(crate) struct Success {
    key: Key,
    pub(crate) labels: Labels,
    attributes: Vec<u8>,
    count: u32,
}

type Key = (&'static str, Style, RpcStatusKey);

static KNOWN: Table<1024, Success> = Table::new();

impl Success {
    /// That of a call, if nothing but its method and how it is written down has a say in it.
    #[inline]
    pub(crate) fn of(settings: &Settings, carried: &Carried) -> Option<&'static Self> {
        let Method::Known(Cow::Borrowed(method)) = carried.grpc_method else {
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
        let (mut ending, mut labels) = (Ending::default(), Labels::default());
        let mut sink = Sink::new(style, Description::Bytes(&mut ending), &mut labels);
        sink.label(&table::RPC_SYSTEM_NAME, fixed("grpc"));
        grpc_spans::label_method(&mut sink, &Cow::Borrowed(method));
        grpc_spans::status_code(settings, Code::Ok, &mut sink);
        Self {
            key,
            labels,
            attributes: ending.attributes,
            count: ending.count,
        }
    }

    /// A call of this kind at its start.
    #[inline]
    pub(crate) fn start(&'static self) -> Described {
        let (method, style, _) = self.key;
        Described {
            name: Cow::Borrowed(method),
            carried: Carried {
                style,
                http_method: Cow::Borrowed(""),
                has_route: true,
                labels_later: true,
                grpc_method: Method::Known(Cow::Borrowed(method)),
                success: Some(self),
            },
        }
    }

    /// The name of the method, and of its spans.
    pub(super) fn method(&self) -> &'static str {
        self.key.0
    }

    pub(super) fn is_measured(&self) -> bool {
        self.key.1.metrics
    }

    /// Describes the end for the call's span, as [`end`](super::end) would. `labels` stay as they are.
    #[inline]
    pub(crate) fn describe(
        &self,
        [requests, responses]: [Totals; 2],
        ending: &mut Ending,
        labels: &mut Labels,
    ) {
        copy(&self.attributes, self.count, ending);
        let (_, style, _) = self.key;
        let mut sink = Sink::new(style, Description::Bytes(ending), labels);
        grpc_spans::messages(requests, responses, &mut sink);
    }
}
