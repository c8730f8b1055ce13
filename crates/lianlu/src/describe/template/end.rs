//! Templates for the end of calls without an error.

use lianlu_wire::otlp::{AttributeBlock, EncodedAttributes};

use super::EndStatus;
use crate::describe::labels::Labels;
use crate::describe::outcome::Classification;
use crate::describe::request::CallInfo;
use crate::describe::response::{CallResponse, Totals};
use crate::describe::settings::Settings;
use crate::describe::surface::{Protocol, Surface};
use crate::describe::writer::AttributeWriter;
use crate::describe::{count, end, table};
use crate::grpc::{Code, Status};
use opentelemetry::trace::SpanKind;

/// Counts below this take one byte each.
const SHORT: u64 = 0x80;

/// The attributes and labels of a call's end.
#[derive(Debug)]
pub(crate) struct EndTemplate {
    /// Includes the labels of the start.
    pub(crate) labels: Labels,
    block: AttributeBlock,
    /// The block with the counts of the response, and the one with those of both directions.
    counted: [Counted; 2],
}

/// A block with counts that take one byte each.
#[derive(Debug)]
struct Counted {
    block: AttributeBlock,
    /// Where each count ends, if spans have counts: the response's messages and bytes, then the
    /// request's.
    ends: Vec<usize>,
}

/// The counts of the response and of the request.
static COUNTS: [&table::AttributeSpec; 4] = [
    &table::LIANLU_RESPONSE_MESSAGES,
    &table::LIANLU_RESPONSE_BYTES,
    &table::LIANLU_REQUEST_MESSAGES,
    &table::LIANLU_REQUEST_BYTES,
];

impl EndTemplate {
    /// Describes such an end once.
    #[cold]
    pub(super) fn new(
        settings: &Settings,
        info: &CallInfo,
        labels: &Labels,
        status: EndStatus,
    ) -> Self {
        let (kind, protocol) = match info.style.surface {
            Surface::HttpServer => (SpanKind::Server, Protocol::Http),
            Surface::HttpClient => (SpanKind::Client, Protocol::Http),
            Surface::GrpcServer => (SpanKind::Server, Protocol::Grpc),
            Surface::GrpcClient => (SpanKind::Client, Protocol::Grpc),
        };
        let mut response = CallResponse::new(kind, protocol);
        match status {
            EndStatus::GrpcOk => {
                response.grpc_status = Some(Status {
                    code: Code::Ok,
                    message: String::new(),
                });
            }
            EndStatus::Http(status, version) => {
                response.http_status = Some(status);
                response.version = Some(version);
            }
        }
        let describe = |response: &CallResponse| {
            let mut attributes = EncodedAttributes::default();
            let mut labels = labels.clone();
            let mut writer = AttributeWriter::Bytes(&mut attributes);
            let fine = Classification::default();
            end(settings, info, response, &fine, &mut writer, &mut labels);
            (attributes.block(0..attributes.len()), labels)
        };
        let (block, labels) = describe(&response);
        let counted = |response: &CallResponse| {
            let (block, _) = describe(response);
            let ends = COUNTS.iter();
            let ends = ends.filter_map(|spec| block.end_of(spec.key.as_str()));
            Counted {
                ends: ends.collect(),
                block,
            }
        };
        response.responses = Some((0, 0));
        let answered = counted(&response);
        response.requests = Some((0, 0));
        Self {
            labels,
            block,
            counted: [answered, counted(&response)],
        }
    }

    /// Writes the attributes, with the counts of this call.
    #[inline]
    pub(crate) fn write(&self, totals: [Totals; 2], out: &mut AttributeWriter<'_>) {
        if !out.is_wanted() {
            return;
        }
        let [answered, both] = &self.counted;
        let (counted, [a, b, c, d]) = match totals {
            [None, Some((c, d))] => (answered, [c, d, 0, 0]),
            [Some((a, b)), Some((c, d))] => (both, [c, d, a, b]),
            _ => return self.write_each(totals, out),
        };
        if (a | b | c | d) >= SHORT {
            return self.write_each(totals, out);
        }
        let Some(at) = out.append(&counted.block) else {
            return self.write_each(totals, out);
        };
        #[allow(clippy::cast_possible_truncation)]
        for (end, number) in counted.ends.iter().zip([a, b, c, d]) {
            out.overwrite(at + end - 1, &[number as u8]);
        }
    }

    #[inline(never)]
    fn write_each(&self, totals: [Totals; 2], out: &mut AttributeWriter<'_>) {
        out.append(&self.block);
        let has_counts = self.counted.iter().any(|counted| !counted.ends.is_empty());
        if has_counts {
            self.write_counts(totals, out);
        }
    }

    fn write_counts(&self, totals: [Totals; 2], out: &mut AttributeWriter<'_>) {
        let numbers = totals
            .into_iter()
            .rev()
            .flat_map(|totals| [totals.map(|it| it.0), totals.map(|it| it.1)]);
        for (spec, number) in COUNTS.into_iter().zip(numbers) {
            if let Some(number) = number {
                out.put(spec.key, &count(number).into());
            }
        }
    }
}
