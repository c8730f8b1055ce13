//! The pipeline's end towards the SDK.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::Span as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::handle::Handle;
use super::launch::Launch;
use super::limits::Limits;
use super::notice::{Listener, PipelineEvent, to_stderr};
use crate::encode;
use crate::error::{BuildError, FlushError};
use crate::export::Export;
use crate::scopes::Scopes;

/// How long [`SpanProcessor::force_flush`] waits, which has no time-out of its own.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Scopes that are encoded once; beyond, each span's is.
const MOST_SCOPES: usize = 64;

/// A span processor with a bounded queue and a thread of its own.
#[derive(Debug)]
pub struct Processor {
    handle: Handle,
    scopes: Scopes<MOST_SCOPES>,
}

impl Processor {
    /// Starts the pipeline's thread. Losses are announced on standard error.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start<E: Export>(exporter: E, limits: Limits) -> io::Result<Self> {
        Self::announcing(exporter, limits, to_stderr())
    }

    /// As [`start`](Self::start), and losses are announced to `listener`, from whichever thread
    /// notices.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start_with<E: Export>(
        exporter: E,
        limits: Limits,
        listener: impl Fn(&PipelineEvent) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::announcing(exporter, limits, Arc::new(listener))
    }

    fn announcing<E: Export>(exporter: E, limits: Limits, listener: Listener) -> io::Result<Self> {
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

    /// Reaches this pipeline after the provider has taken the processor.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// A processor that no provider has taken, or whose provider is gone, leaves no thread behind.
impl Drop for Processor {
    fn drop(&mut self) {
        // Asked, and not waited for: the thread exports what waits and ends.
        let _ = self.handle.shutdown(Duration::ZERO);
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, _: &Context) {
        // A span that is recorded but not sampled is never exported, so it is not counted either.
        if span.span_context().is_sampled() {
            self.handle.shared.count_started();
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
        self.handle.set_resource(resource);
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
        let notices: Arc<Mutex<Vec<PipelineEvent>>> = Arc::default();
        let heard = Arc::clone(&notices);
        let processor = Processor::start_with(Scripted(Box::new(script)), limits, move |notice| {
            heard.lock().unwrap().push(notice.clone());
        })
        .unwrap();
        let handle = processor.handle();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(processor)
            .build();
        (provider, handle, notices)
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
    fn a_flush_delivers_all_that_has_ended() {
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
        // The worker looks into its queue again and again, and then waits to be woken.
        for pause in [0, 1, 5, 20, 100, 0, 200] {
            std::thread::sleep(Duration::from_millis(pause));
            spans(&provider, 512);
            assert_eq!(batches.recv_timeout(LONG), Ok(512), "after {pause} ms");
        }
    }

    #[test]
    fn a_failing_exporter_is_said_once_and_counted_and_so_is_its_recovery() {
        let mut calls = 0;
        let (provider, handle, notices) = pipeline(Limits::default(), move |count| {
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
            *notices.lock().unwrap(),
            [
                PipelineEvent::ExportFailing {
                    reason: "refused".to_owned()
                },
                PipelineEvent::ExportRecovered { lost: 6 }
            ]
        );
    }

    #[test]
    fn a_warning_is_said_once_and_loses_nothing() {
        let mut calls = 0;
        let (provider, handle, notices) = pipeline(Limits::default(), move |_| {
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
        let said = |message: &str| PipelineEvent::CollectorWarns {
            message: message.to_owned(),
        };
        assert_eq!(
            *notices.lock().unwrap(),
            [said("slow down"), said("slower")]
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
    fn a_stalled_exporter_fills_the_queue_and_no_more() {
        let (release, stall) = mpsc::channel::<()>();
        let limits = Limits {
            queue_size: 10,
            batch_size: 1,
            schedule_delay: Duration::from_millis(1),
            ..Limits::default()
        };
        let (provider, handle, notices) = pipeline(limits, move |_| {
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
            *notices.lock().unwrap(),
            [PipelineEvent::QueueFull {
                queue_size: 10,
                queue_bytes: limits.queue_bytes,
            }]
        );
    }

    #[test]
    fn a_shutdown_flushes_and_what_comes_later_is_counted() {
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
        let (hungry, hunger) = mpsc::channel();
        let (fed, feed) = mpsc::channel();
        let (provider, handle, _) = pipeline(limits, move |_| {
            // No batch is taken before the next one waits.
            if hungry.send(()).is_ok() {
                let _ = feed.recv();
            }
            Ok(())
        });
        let busy = Arc::new(AtomicBool::new(true));
        let (keep_on, load) = (Arc::clone(&busy), provider.clone());
        let load = std::thread::spawn(move || {
            while hunger.recv().is_ok() && keep_on.load(Ordering::Relaxed) {
                spans(&load, 10);
                let _ = fed.send(());
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
    fn a_flush_is_not_done_while_the_collector_is_away() {
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
    fn a_listener_that_panics_harms_nobody() {
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
    fn any_delay_and_size_will_do() {
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
    fn unsampled_spans_are_nobodys_business() {
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
