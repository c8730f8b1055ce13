//! How calls end that have no error.

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

/// Messages and bytes below this take one byte each.
const SHORT: u64 = 0x80;

/// The attributes and labels of an end.
#[derive(Debug)]
pub(crate) struct EndTemplate {
    /// Of the start too.
    pub(crate) labels: Labels,
    block: AttributeBlock,
    /// The block with the counts of both directions, if spans have them.
    counted: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    block: AttributeBlock,
    /// Where the values end: the request's messages and bytes, then the response's.
    ends: [usize; 4],
}

/// The counts of both directions.
static COUNTS: [&table::AttributeSpec; 4] = [
    &table::LIANLU_REQUEST_MESSAGES,
    &table::LIANLU_REQUEST_BYTES,
    &table::LIANLU_RESPONSE_MESSAGES,
    &table::LIANLU_RESPONSE_BYTES,
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
        (response.requests, response.responses) = (Some((0, 0)), Some((0, 0)));
        let (counted, _) = describe(&response);
        let ends = COUNTS.map(|spec| counted.end_of(spec.key.as_str()));
        let counted = match ends {
            [Some(a), Some(b), Some(c), Some(d)] => Some(Counted {
                block: counted,
                ends: [a, b, c, d],
            }),
            _ => None,
        };
        Self {
            labels,
            block,
            counted,
        }
    }

    /// Writes the attributes, with what the call has counted.
    #[inline]
    pub(crate) fn write(&self, totals: [Totals; 2], out: &mut AttributeWriter<'_>) {
        let Some(counted) = &self.counted else {
            out.append(&self.block);
            return;
        };
        if let [Some((a, b)), Some((c, d))] = totals
            && (a | b | c | d) < SHORT
            && let Some(at) = out.append(&counted.block)
        {
            #[allow(clippy::cast_possible_truncation)]
            for (end, number) in counted.ends.into_iter().zip([a, b, c, d]) {
                out.overwrite(at + end - 1, &[number as u8]);
            }
            return;
        }
        out.append(&self.block);
        self.write_counts(totals, out);
    }

    fn write_counts(&self, totals: [Totals; 2], out: &mut AttributeWriter<'_>) {
        let numbers = totals
            .into_iter()
            .flat_map(|totals| [totals.map(|it| it.0), totals.map(|it| it.1)]);
        for (spec, number) in COUNTS.into_iter().zip(numbers) {
            if let Some(number) = number {
                out.put(spec.key, &count(number).into());
            }
        }
    }
}
