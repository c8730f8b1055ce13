//! A `log` logger that adds the ids to each record.

use log::kv::{Error, Key, Source, Value, VisitSource};
use log::{Log, Metadata, Record};

use super::TraceIds;

/// A logger that adds the current span's ids to each record and forwards it; returned by
/// [`logger`].
#[derive(Debug, Clone)]
pub struct WithTraceLogger<L>(L);

/// Adds `trace_id`, `span_id` and `trace_flags` to the key values of each record before `inner`
/// gets it. Keys that a record already has are kept. `inner` must print key values: most loggers
/// have an option or a feature for that, often named `kv`.
///
/// ```
/// # struct MyLogger;
/// # impl log::Log for MyLogger {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, _: &log::Record<'_>) {}
/// #     fn flush(&self) {}
/// # }
/// log::set_boxed_logger(Box::new(lianlu::logs::logger(MyLogger)))?;
/// log::set_max_level(log::LevelFilter::Info);
/// # Ok::<(), log::SetLoggerError>(())
/// ```
#[must_use]
pub fn logger<L: Log>(inner: L) -> WithTraceLogger<L> {
    WithTraceLogger(inner)
}

impl<L: Log> Log for WithTraceLogger<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        // `log!` itself checks only the level.
        if !self.0.enabled(record.metadata()) {
            return;
        }
        let Some(ids) = TraceIds::for_target(record.target()) else {
            return self.0.log(record);
        };
        let all = Extended {
            own: record.key_values(),
            ids,
        };
        self.0.log(&record.to_builder().key_values(&all).build());
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// A record's own key values, plus the ids whose keys it lacks.
struct Extended<'a> {
    own: &'a dyn Source,
    ids: TraceIds,
}

impl Extended<'_> {
    fn missing(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let missing = |(key, _): &(&'static str, _)| self.own.get(Key::from(*key)).is_none();
        self.ids.fields().into_iter().filter(missing)
    }
}

impl Source for Extended<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.own.visit(visitor)?;
        self.missing()
            .try_for_each(|(key, value)| visitor.visit_pair(key.into(), value.into()))
    }

    fn get(&self, key: Key<'_>) -> Option<Value<'_>> {
        self.own.get(key.clone()).or_else(|| self.ids.get(key))
    }

    fn count(&self) -> usize {
        self.own.count() + self.missing().count()
    }
}

impl Source for TraceIds {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.fields()
            .into_iter()
            .try_for_each(|(key, value)| visitor.visit_pair(key.into(), value.into()))
    }

    fn get(&self, key: Key<'_>) -> Option<Value<'_>> {
        match key.as_str() {
            "trace_id" => Some(self.trace_id().into()),
            "span_id" => Some(self.span_id().into()),
            "trace_flags" => Some(self.trace_flags().into()),
            _ => None,
        }
    }

    fn count(&self) -> usize {
        3
    }
}
