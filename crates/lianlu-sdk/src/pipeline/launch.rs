//! Starts a pipeline: its threads and its flight recorder.

use std::sync::Arc;
use std::time::Duration;

use lianlu_wire::segment::CURSORS;

use super::event::{Listener, PipelineEvent};
use super::handle::Handle;
use super::limits::Limits;
use super::shared::Shared;
use super::worker;
use crate::encode::EncodedResource;
use crate::error::BuildError;
use crate::export::Export;
use crate::flight_recorder::{
    Evict, FlightRecorder, RecorderError, RecoveredPart, Rejected, destination_hash, open,
};

/// The parts of a pipeline.
pub(crate) struct Launch {
    pub(crate) exporters: Vec<Box<dyn Export>>,
    pub(crate) limits: Limits,
    pub(crate) listener: Listener,
    pub(crate) resource: Arc<EncodedResource>,
    pub(crate) recorder: Option<FlightRecorder>,
}

impl Launch {
    /// Starts the pipeline.
    pub(crate) fn start(self) -> Result<Handle, BuildError> {
        let shared = self.shared();
        let mut rejected = None;
        if let Some(options) = self.recorder.as_ref().filter(|options| options.is_on()) {
            rejected = Some(self.start_recorder(&shared, options)?);
        }
        self.start_workers(shared, rejected)
    }

    /// Starts the pipeline only for these spans.
    pub(super) fn start_with(
        self,
        parts: Vec<RecoveredPart>,
        rejected: Rejected,
    ) -> Result<Handle, BuildError> {
        let shared = self.shared();
        shared.push_recovered(parts);
        self.start_workers(shared, Some(rejected))
    }

    fn names(&self) -> Vec<String> {
        self.exporters.iter().map(|it| it.destination()).collect()
    }

    /// The names of the destinations in files, as hashes.
    pub(super) fn destinations(&self) -> Vec<u64> {
        let names = self.names();
        let numbers = 0..names.len();
        numbers
            .map(|number| destination_hash(&names, number))
            .collect()
    }

    fn shared(&self) -> Arc<Shared> {
        let listener = Arc::clone(&self.listener);
        let exporters = self.exporters.iter();
        let destinations = exporters.map(|it| (it.destination(), it.component()));
        let shared = Shared::new(self.limits, listener, destinations);
        shared.set_resource(Arc::clone(&self.resource));
        Arc::new(shared)
    }

    /// Starts a thread for each destination.
    fn start_workers(
        self,
        shared: Arc<Shared>,
        rejected: Option<Rejected>,
    ) -> Result<Handle, BuildError> {
        let rejected = rejected.map(Arc::new);
        let destinations = self.exporters.len();
        for (number, exporter) in self.exporters.into_iter().enumerate() {
            let (worker, rejected) = (Arc::clone(&shared), rejected.clone());
            let spawned = std::thread::Builder::new()
                .name("lianlu-export".to_owned())
                .spawn(move || worker::run(&worker, number, exporter, rejected));
            if let Err(error) = spawned {
                // Stop the workers already started; the last of them closes the recorder.
                let _ = shared.shut_down(Duration::ZERO);
                (number..destinations).for_each(|number| shared.stopped(number));
                return Err(error.into());
            }
        }
        Ok(Handle {
            shared,
            is_sdk: false,
        })
    }

    /// Opens the recorder and starts its thread.
    fn start_recorder(
        &self,
        shared: &Arc<Shared>,
        options: &FlightRecorder,
    ) -> Result<Rejected, RecorderError> {
        let destinations = self.destinations();
        if destinations.len() > CURSORS {
            return Err(RecorderError::Destinations(destinations.len()));
        }
        let opened = open(options, &self.resource, &destinations, &self.listener)?;
        let recorder = Arc::new(opened.recorder);
        let thread = Arc::clone(&recorder);
        let pipeline = Arc::downgrade(shared);
        let evict: Evict = Box::new(move |pick| {
            let pipeline = pipeline.upgrade();
            pipeline.map_or(0, |pipeline| pipeline.evict(pick))
        });
        std::thread::Builder::new()
            .name("lianlu-recorder".to_owned())
            .spawn(move || thread.run(&evict))
            .map_err(RecorderError::Thread)?;
        if !opened.report.is_empty() {
            shared.announce(&PipelineEvent::RecorderFound(opened.report.clone()));
        }
        shared.set_recorder(recorder, opened.report);
        shared.push_recovered(opened.parts);
        Ok(opened.rejected)
    }
}
