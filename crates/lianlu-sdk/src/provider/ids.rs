//! The source of ids.

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// The [flag of random trace ids](https://www.w3.org/TR/trace-context-2/#random-trace-id-flag).
const RANDOM: TraceFlags = TraceFlags::new(0x02);

#[derive(Debug)]
pub(super) struct Ids {
    generator: Generator,
    /// The flags of a root, before it is sampled.
    root_flags: TraceFlags,
}

#[derive(Debug)]
enum Generator {
    /// Random numbers from a generator of the thread, seeded by the system.
    Random(RandomIdGenerator),
    Custom(Box<dyn IdGenerator>),
}

impl Ids {
    /// `custom` replaces the generator of random ids; `is_random` tells whether its ids are random.
    pub(super) fn new(custom: Option<Box<dyn IdGenerator>>, is_random: bool) -> Self {
        let random = || Generator::Random(RandomIdGenerator::default());
        Self {
            generator: custom.map_or_else(random, Generator::Custom),
            root_flags: match is_random {
                true => RANDOM,
                false => TraceFlags::NOT_SAMPLED,
            },
        }
    }

    /// The flags of a root, before it is sampled.
    #[inline]
    pub(super) fn root_flags(&self) -> TraceFlags {
        self.root_flags
    }

    #[inline]
    pub(super) fn trace_id(&self) -> TraceId {
        match &self.generator {
            Generator::Random(random) => random.new_trace_id(),
            Generator::Custom(custom) => custom.new_trace_id(),
        }
    }

    #[inline]
    pub(super) fn span_id(&self) -> SpanId {
        match &self.generator {
            Generator::Random(random) => random.new_span_id(),
            Generator::Custom(custom) => custom.new_span_id(),
        }
    }
}
