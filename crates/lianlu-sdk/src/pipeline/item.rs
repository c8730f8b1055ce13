//! What a lane hands over at once, for each destination to send.

use std::io;
use std::sync::Arc;

use super::room::Room;
use super::run::Run;
use crate::encode::{EncodedResource, EncodedScope};
use crate::flight_recorder::{OldPart, Part, Recorder};

/// Finished spans that wait. Destinations share it; when the last one has let it go, its room is free.
#[derive(Debug)]
pub(super) struct Item {
    /// In the order of the queues.
    pub(super) number: u64,
    what: What,
    spans: usize,
    /// In memory; 0 on the disk.
    bytes: usize,
    room: Arc<Room>,
}

#[derive(Debug)]
enum What {
    Memory(Vec<Run>),
    Part(Part, Arc<Recorder>),
    Old(OldPart),
}

impl Item {
    pub(super) fn memory(runs: Vec<Run>, room: &Arc<Room>) -> Self {
        Self {
            number: 0,
            spans: runs.iter().map(|run| run.spans).sum(),
            bytes: runs.iter().map(Run::len).sum(),
            what: What::Memory(runs),
            room: Arc::clone(room),
        }
    }

    pub(super) fn part(part: Part, recorder: &Arc<Recorder>, room: &Arc<Room>) -> Self {
        Self {
            number: 0,
            spans: part.spans(),
            bytes: 0,
            what: What::Part(part, Arc::clone(recorder)),
            room: Arc::clone(room),
        }
    }

    pub(super) fn old(part: OldPart, room: &Arc<Room>) -> Self {
        Self {
            number: 0,
            spans: part.spans(),
            bytes: 0,
            what: What::Old(part),
            room: Arc::clone(room),
        }
    }

    pub(super) fn spans(&self) -> usize {
        self.spans
    }

    /// Whether it is still there when this process is not.
    pub(super) fn is_on_disk(&self) -> bool {
        !matches!(self.what, What::Memory(_))
    }

    /// Whether a destination, by its number, needs it.
    pub(super) fn is_for(&self, destination: usize) -> bool {
        match &self.what {
            What::Old(part) => part.is_missing_at(destination),
            _ => true,
        }
    }

    /// Whether it is a part that this picks.
    pub(super) fn is_part(&self, pick: &dyn Fn(&Part) -> bool) -> bool {
        matches!(&self.what, What::Part(part, _) if pick(part))
    }

    /// Whether the recorder dropped it while a thread still held it back.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_part(&Part::is_evicted)
    }

    /// A destination begins to send it, with the queue locked.
    pub(super) fn begin(&self) {
        if let What::Part(part, _) = &self.what {
            part.begin_flight();
        }
    }

    /// And no longer does.
    pub(super) fn leave(&self) {
        if let What::Part(part, _) = &self.what {
            part.end_flight();
        }
    }

    /// A destination has it, or will never have it.
    pub(super) fn ack(&self, destination: usize) {
        match &self.what {
            What::Memory(_) => {}
            What::Part(part, recorder) => recorder.ack(destination, part),
            What::Old(part) => part.ack(destination),
        }
    }

    /// The disk did not give it to a destination, and it is not acknowledged: the next start sends it.
    pub(super) fn leave_unread(&self, destination: usize) {
        if let What::Old(part) = &self.what {
            part.leave_unread(destination);
        }
    }

    /// Its spans, in runs of one scope.
    pub(super) fn runs(
        &self,
        resource: &Arc<EncodedResource>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Vec<Run>> {
        let mut growing = Growing::default();
        let mut push = |scope: Option<_>, span: &[u8]| growing.push(scope, span, &self.room);
        let resource = match &self.what {
            What::Memory(runs) => return Ok(runs.clone()),
            What::Part(part, recorder) => {
                part.read(recorder, buffer, &mut push)?;
                resource
            }
            What::Old(part) => {
                part.read(buffer, &mut push)?;
                part.resource()
            }
        };
        Ok(growing.finish(resource))
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if let What::Memory(runs) = &mut self.what {
            self.room.give_back(self.spans, self.bytes);
            for run in runs.drain(..) {
                self.room.recycle(run.into_buffer());
            }
        }
    }
}

/// Runs in the making.
#[derive(Default)]
struct Growing(Vec<(Arc<EncodedScope>, Vec<u8>, usize)>);

impl Growing {
    fn push(&mut self, scope: Option<Arc<EncodedScope>>, span: &[u8], room: &Room) {
        // One that is not known any more: better a span without than none.
        let scope = scope.unwrap_or_default();
        let same = |(known, ..): &&mut (Arc<EncodedScope>, _, _)| known.is_same(&scope);
        if let Some((_, bytes, spans)) = self.0.iter_mut().find(same) {
            bytes.extend_from_slice(span);
            *spans += 1;
            return;
        }
        let mut bytes = room.buffer(span.len());
        bytes.extend_from_slice(span);
        self.0.push((scope, bytes, 1));
    }

    fn finish(self, resource: &Arc<EncodedResource>) -> Vec<Run> {
        let run = |(scope, bytes, spans)| Run::new(resource, scope, Arc::new(bytes), spans);
        self.0.into_iter().map(run).collect()
    }
}
