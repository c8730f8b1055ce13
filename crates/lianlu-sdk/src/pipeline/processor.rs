//! A span processor for the provider of `opentelemetry_sdk`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::Span as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::event::{Listener, PipelineEvent, to_stderr};
use super::handle::Handle;
use super::launch::Launch;
use super::limits::Limits;
use super::starts::{Counted, Sampled};
use crate::encode;
use crate::error::{BuildError, FlushError};
use crate::export::Export;
use crate::resource;
use crate::scopes::Scopes;

/// Timeout of [`SpanProcessor::force_flush`], which has no parameter for it.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Number of scopes whose encoding is cached.
const CACHED_SCOPES: usize = 64;

/// A span processor with a bounded queue and its own thread.
#[derive(Debug)]
pub struct Processor {
    handle: Handle,
    scopes: Scopes<CACHED_SCOPES>,
}

impl Processor {
    /// Starts the pipeline's thread. Losses are reported on standard error.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn start<E: Export>(exporter: E, limits: Limits) -> io::Result<Self> {
        Self::with_listener(exporter, limits, to_stderr())
    }

    /// As [`start`](Self::start), but reports events to `listener`, on the thread where they occur.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn start_with<E: Export>(
        exporter: E,
        limits: Limits,
        listener: impl Fn(&PipelineEvent) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::with_listener(exporter, limits, Arc::new(listener))
    }

    fn with_listener<E: Export>(
        exporter: E,
        limits: Limits,
        listener: Listener,
    ) -> io::Result<Self> {
        let launch = Launch {
            exporters: vec![Box::new(exporter)],
            limits,
            listener,
            resource: Arc::default(),
            recorder: None,
        };
        let handle = launch.start().map_err(|error| match error {
            BuildError::Thread(error) => error,
            BuildError::Recorder(error) => io::Error::other(error),
        })?;
        Ok(Self {
            handle,
            scopes: Scopes::default(),
        })
    }

    /// A handle to this pipeline, for use after the provider has taken the processor.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// Stops the thread of a processor that was not given to a provider, or whose provider is gone.
impl Drop for Processor {
    fn drop(&mut self) {
        // Does not wait: the thread exports the waiting spans and ends.
        let _ = self.handle.shutdown(Duration::ZERO);
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, _: &Context) {
        // A span that is recorded but not sampled is never exported, so it is not counted.
        if span.span_context().is_sampled() {
            let counted = Counted::start(Sampled::RecordAndSample, None);
            self.handle.shared.count(counted);
        }
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            let scope = self.scopes.encoded(&span.instrumentation_scope);
            let write = |out: &mut Vec<u8>| encode::span_data(out, &span);
            self.handle.shared.record(&scope, None, write);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.handle.flush(FLUSH_TIMEOUT).map_err(sdk_error)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.handle.shutdown(timeout).map_err(sdk_error)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.handle.set_resource(&resource::of_distro(resource));
    }
}

fn sdk_error(error: FlushError) -> OTelSdkError {
    OTelSdkError::InternalFailure(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Failure;
    use crate::export::batch::Batch;
    use crate::pipeline::SpanCounts;
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, mpsc};

    const LONG: Duration = Duration::from_secs(20);

    type Script = Box<dyn FnMut(usize) -> Result<(), Failure> + Send>;

    struct Scripted(Script);

    impl Export for Scripted {
        fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
            (self.0)(batch.len())
        }
    }

    fn pipeline(
        limits: Limits,
        script: impl FnMut(usize) -> Result<(), Failure> + Send + 'static,
    ) -> (SdkTracerProvider, Handle, Arc<Mutex<Vec<PipelineEvent>>>) {
        let events: Arc<Mutex<Vec<PipelineEvent>>> = Arc::default();
        let received = Arc::clone(&events);
        let processor = Processor::start_with(Scripted(Box::new(script)), limits, move |event| {
            received.lock().unwrap().push(event.clone());
        })
        .unwrap();
        let handle = processor.handle();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(processor)
            .build();
        (provider, handle, events)
    }

    fn spans(provider: &SdkTracerProvider, count: usize) {
        for _ in 0..count {
            provider.tracer("test").start("span").end();
        }
    }

    fn assert_identity(handle: &Handle) -> SpanCounts {
        let counts = handle.counts();
        assert_eq!(
            counts.started,
            counts.open + counts.waiting + counts.exported + counts.dropped.total(),
            "{counts}"
        );
        counts
    }

    #[test]
    fn a_flush_exports_all_ended_spans() {
        let (provider, handle, _) = pipeline(Limits::default(), |_| Ok(()));
        spans(&provider, 1500);
        let open = provider.tracer("test").start("open");
        handle.flush(LONG).unwrap();
        let counts = assert_identity(&handle);
        assert_eq!((counts.exported, counts.open, counts.waiting), (1500, 1, 0));
        drop(open);
    }

    #[test]
    fn a_full_batch_is_exported_without_a_flush() {
        let (sent, batches) = mpsc::channel();
        let limits = Limits {
            schedule_delay: Duration::from_secs(3600),
            ..Limits::default()
        };
        let (provider, _, _) = pipeline(limits, move |count| {
            sent.send(count).unwrap();
            Ok(())
        });
        spans(&provider, 512);
        assert_eq!(batches.recv_timeout(LONG).unwrap(), 512);
        // The worker polls its queue for a while, then waits to be woken.
        for pause in [0, 1, 5, 20, 100, 0, 200] {
            std::thread::sleep(Duration::from_millis(pause));
            spans(&provider, 512);
            assert_eq!(batches.recv_timeout(LONG), Ok(512), "after {pause} ms");
        }
    }

    #[test]
    fn failure_and_recovery_are_reported_once_and_counted() {
        let mut calls = 0;
        let (provider, handle, events) = pipeline(Limits::default(), move |count| {
            calls += 1;
            if calls <= 2 {
                Err(Failure::new(count, "refused"))
            } else {
                Ok(())
            }
        });
        for _ in 0..2 {
            spans(&provider, 3);
            let error = handle.flush(LONG).unwrap_err();
            assert_eq!(
                error,
                FlushError::Lost {
                    lost: 3,
                    reason: "refused".to_owned()
                }
            );
        }
        spans(&provider, 1);
        handle.flush(LONG).unwrap();
        let counts = assert_identity(&handle);
        assert_eq!((counts.exported, counts.dropped.export_failed), (1, 6));
        assert_eq!(
            *events.lock().unwrap(),
            [
                PipelineEvent::ExportFailing {
                    reason: "refused".to_owned()
                },
                PipelineEvent::ExportRecovered { lost: 6 }
            ]
        );
    }

    #[test]
    fn warnings_are_reported_once_and_lose_nothing() {
        let mut calls = 0;
        let (provider, handle, events) = pipeline(Limits::default(), move |_| {
            calls += 1;
            Err(Failure::new(
                0,
                if calls < 3 { "slow down" } else { "slower" },
            ))
        });
        for _ in 0..3 {
            spans(&provider, 1);
            handle.flush(LONG).unwrap();
        }
        assert_eq!(assert_identity(&handle).exported, 3);
        let warning = |message: &str| PipelineEvent::CollectorWarns {
            message: message.to_owned(),
        };
        assert_eq!(
            *events.lock().unwrap(),
            [warning("slow down"), warning("slower")]
        );
    }

    #[test]
    fn an_exporter_that_panics_loses_one_batch() {
        let mut calls = 0;
        let (provider, handle, _) = pipeline(Limits::default(), move |_| {
            calls += 1;
            assert!(calls > 1, "on purpose");
            Ok(())
        });
        spans(&provider, 2);
        assert!(handle.flush(LONG).is_err());
        spans(&provider, 5);
        handle.flush(LONG).unwrap();
        let counts = assert_identity(&handle);
        assert_eq!((counts.exported, counts.dropped.exporter_panicked), (5, 2));
    }

    #[test]
    fn the_queue_is_bounded_while_the_exporter_stalls() {
        let (release, stall) = mpsc::channel::<()>();
        let limits = Limits {
            queue_size: 10,
            batch_size: 1,
            schedule_delay: Duration::from_millis(1),
            ..Limits::default()
        };
        let (provider, handle, events) = pipeline(limits, move |_| {
            let _ = stall.recv();
            Ok(())
        });
        spans(&provider, 1000);
        let counts = assert_identity(&handle);
        assert!(counts.waiting <= 11, "{counts}");
        assert!(counts.dropped.queue_full >= 989, "{counts}");
        assert!(matches!(
            handle.flush(Duration::from_millis(50)),
            Err(FlushError::Timeout { waiting, .. }) if waiting > 0
        ));
        drop(release);
        handle.flush(LONG).unwrap();
        let counts = assert_identity(&handle);
        assert_eq!(counts.waiting, 0);
        assert_eq!(
            *events.lock().unwrap(),
            [PipelineEvent::QueueFull {
                queue_size: 10,
                queue_bytes: limits.queue_bytes,
            }]
        );
    }

    #[test]
    fn a_shutdown_flushes_and_later_spans_are_counted() {
        let (provider, handle, _) = pipeline(Limits::default(), |_| Ok(()));
        spans(&provider, 7);
        let open = provider.tracer("test").start("open");
        handle.shutdown(LONG).unwrap();
        handle.shutdown(LONG).unwrap();
        spans(&provider, 2);
        let counts = assert_identity(&handle);
        assert_eq!((counts.exported, counts.dropped.after_shutdown), (7, 3));
        provider.shutdown().unwrap();
        drop(open);
        let counts = assert_identity(&handle);
        assert_eq!((counts.open, counts.dropped.after_shutdown), (0, 3));
    }

    #[test]
    fn a_flush_ends_under_load() {
        let limits = Limits {
            batch_size: 10,
            schedule_delay: Duration::from_secs(3600),
            ..Limits::default()
        };
        let (requests_sender, requests) = mpsc::channel();
        let (replies_sender, replies) = mpsc::channel();
        let (provider, handle, _) = pipeline(limits, move |_| {
            // No batch is accepted before the next one waits.
            if requests_sender.send(()).is_ok() {
                let _ = replies.recv();
            }
            Ok(())
        });
        let busy = Arc::new(AtomicBool::new(true));
        let (keep_on, load) = (Arc::clone(&busy), provider.clone());
        let load = std::thread::spawn(move || {
            while requests.recv().is_ok() && keep_on.load(Ordering::Relaxed) {
                spans(&load, 10);
                let _ = replies_sender.send(());
            }
        });
        spans(&provider, 10 + 7);
        let result = handle.flush(LONG);
        let counts = assert_identity(&handle);
        busy.store(false, Ordering::Relaxed);
        load.join().unwrap();
        result.unwrap();
        assert!(counts.exported >= 17 && counts.waiting > 0, "{counts}");
        handle.flush(LONG).unwrap();
        assert_eq!(assert_identity(&handle).waiting, 0);
    }

    #[test]
    fn a_flush_times_out_while_the_collector_is_unreachable() {
        let (provider, handle, _) =
            pipeline(Limits::default(), |_| Err(Failure::temporary("away")));
        spans(&provider, 1);
        for _ in 0..2 {
            let outcome = handle.flush(Duration::from_millis(50));
            let is_timeout = matches!(outcome, Err(FlushError::Timeout { waiting: 1, .. }));
            assert!(is_timeout, "{outcome:?}");
        }
    }

    #[test]
    fn panics_of_the_listener_are_ignored() {
        let fail = Scripted(Box::new(|count| Err(Failure::new(count, "refused"))));
        let processor =
            Processor::start_with(fail, Limits::default(), |_| panic!("on purpose")).unwrap();
        let handle = processor.handle();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(processor)
            .build();
        for _ in 0..2 {
            spans(&provider, 1);
            assert!(matches!(
                handle.flush(LONG),
                Err(FlushError::Lost { lost: 1, .. })
            ));
        }
        assert_eq!(assert_identity(&handle).dropped.export_failed, 2);
    }

    #[test]
    fn extreme_limits_are_clamped() {
        for delay in [Duration::ZERO, Duration::MAX] {
            let limits = Limits {
                queue_size: 0,
                batch_size: 0,
                schedule_delay: delay,
                ..Limits::default()
            };
            let (provider, handle, _) = pipeline(limits, |_| Ok(()));
            spans(&provider, 1);
            handle.flush(LONG).unwrap();
            assert_eq!(assert_identity(&handle).exported, 1);
        }
    }

    #[test]
    fn unsampled_spans_are_not_counted() {
        let processor =
            Processor::start(Scripted(Box::new(|_| Ok(()))), Limits::default()).unwrap();
        let handle = processor.handle();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOff)
            .with_span_processor(processor)
            .build();
        spans(&provider, 3);
        assert_eq!(handle.counts(), SpanCounts::default());
    }
}
