//! How calls of one gRPC method, or of one route of a server's, begin and end when nothing unusual happens.
//!
//! Nearly all calls of one kind say the same of themselves, but for counts and paths, and have the same labels. That is
//! made once for each kind and kept for good: methods and routes that come here are the service's own, and a client's
//! hosts are those that its metrics tell apart, up to a limit.

mod counts;
mod method;
mod route;

use lianlu_sdk::direct::Ending;

use super::description::{Description, copy};
use super::settings::Settings;
use super::sink::{Labels, Sink, Style};
use super::{Described, Totals, grpc_spans};
use crate::request::RequestHead;
use counts::Counts;
pub(crate) use method::Method;
pub(crate) use route::Route;

/// A kind of calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Usual {
    /// gRPC calls of one method.
    Method(&'static Method),
    /// HTTP calls of one route.
    Route(&'static Route),
}

impl Usual {
    /// A call of this kind at its start: what is not its own is in `attributes` already.
    #[inline]
    pub(crate) fn start(
        self,
        settings: &Settings,
        head: &RequestHead<'_>,
        attributes: Description<'_>,
        labels: &mut Labels,
    ) -> Described {
        match self {
            Self::Method(method) => method.start(),
            Self::Route(route) => route.start(settings, head, attributes, labels),
        }
    }

    #[inline]
    pub(super) fn is_measured(self) -> bool {
        match self {
            Self::Method(method) => method.style().metrics,
            Self::Route(route) => route.style().metrics,
        }
    }
}

/// What the end of a call that went well adds to its span, and the labels of its metrics.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) labels: Labels,
    attributes: Vec<u8>,
    count: u32,
    /// Of the request's messages and bytes, and of the response's, where spans have them.
    counts: Option<[Counts; 2]>,
}

impl Success {
    /// What `write` writes at the end, with the labels that are there already.
    fn new(style: Style, mut labels: Labels, write: impl FnOnce(&mut Sink<'_>)) -> Self {
        let mut ending = Ending::default();
        let attributes = Description::Bytes(&mut ending);
        let mut sink = Sink::new(style, attributes, &mut labels);
        write(&mut sink);
        let has_counts = grpc_spans::COUNTS
            .iter()
            .flatten()
            .all(|row| sink.wants(row));
        Self {
            labels,
            attributes: ending.attributes,
            count: ending.count,
            counts: has_counts.then(|| grpc_spans::COUNTS.map(Counts::of)),
        }
    }

    /// Describes the end for the call's span, as [`end`](super::end) would.
    #[inline]
    pub(crate) fn describe(&'static self, counted: [Totals; 2], ending: &mut Ending) {
        if ending.has_users {
            copy(&self.attributes, self.count, ending);
        } else {
            ending.common = &self.attributes;
            ending.count += self.count;
        }
        let Some(counts) = &self.counts else { return };
        for (totals, counts) in counted.into_iter().zip(counts) {
            if let Some(totals) = totals {
                counts.put(totals, ending);
            }
        }
    }
}
