//! Starts a pipeline: its threads, and its flight recorder.

use std::sync::Arc;

use lianlu_wire::segment::CURSORS;

use super::handle::Handle;
use super::limits::Limits;
use super::notice::{Listener, Notice};
use super::shared::Shared;
use super::worker;
use crate::encode::EncodedResource;
use crate::error::BuildError;
use crate::export::Export;
use crate::flight_recorder::{
    Evict, FlightRecorder, RecorderError, Rejected, destination_hash, open,
};

/// What a pipeline is made of.
pub(crate) struct Launch {
    pub(crate) exporters: Vec<Box<dyn Export>>,
    pub(crate) limits: Limits,
    pub(crate) listener: Listener,
    pub(crate) resource: Arc<EncodedResource>,
    pub(crate) recorder: Option<FlightRecorder>,
}

impl Launch {
    /// Starts it.
    pub(crate) fn start(self) -> Result<Handle, BuildError> {
        let names: Vec<_> = self.exporters.iter().map(|it| it.destination()).collect();
        let listener = Arc::clone(&self.listener);
        let shared = Arc::new(Shared::new(self.limits, self.listener, &names));
        shared.set_resource(Arc::clone(&self.resource));
        let mut rejected = None;
        if let Some(options) = self.recorder.filter(FlightRecorder::is_on) {
            let put = record(&shared, &options, &self.resource, &names, &listener)?;
            rejected = Some(Arc::new(put));
        }
        for (number, exporter) in self.exporters.into_iter().enumerate() {
            let (worker, rejected) = (Arc::clone(&shared), rejected.clone());
            let spawned = std::thread::Builder::new()
                .name("lianlu-export".to_owned())
                .spawn(move || worker::run(&worker, number, exporter, rejected));
            if let Err(error) = spawned {
                // Those that are there already go again.
                let _ = shared.shut_down(std::time::Duration::ZERO);
                return Err(error.into());
            }
        }
        Ok(Handle { shared })
    }
}

/// Opens the recorder, and starts its thread.
fn record(
    shared: &Arc<Shared>,
    options: &FlightRecorder,
    resource: &Arc<EncodedResource>,
    names: &[String],
    listener: &Listener,
) -> Result<Rejected, RecorderError> {
    if names.len() > CURSORS {
        return Err(RecorderError::Destinations(names.len()));
    }
    let destinations: Vec<_> = (0..names.len())
        .map(|number| destination_hash(names, number))
        .collect();
    let opened = open(options, resource, &destinations, listener)?;
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
    if !opened.found.is_empty() {
        shared.announce(&Notice::RecorderFound(opened.found.clone()));
    }
    shared.set_recorder(recorder, opened.parts, opened.found);
    Ok(opened.rejected)
}
