//! Items: the unit of hand-over between lanes and destinations.

use std::io;
use std::sync::Arc;

use super::budget::QueueBudget;
use super::run::Run;
use crate::encode::{EncodedResource, EncodedScope};
use crate::flight_recorder::{Part, Recorder, RecoveredPart};

/// Ended spans that wait for export. Destinations share an item; its budget is released when the
/// last one drops it.
#[derive(Debug)]
pub(super) struct Item {
    /// Position in the order of the queues.
    pub(super) number: u64,
    content: Content,
    spans: usize,
    /// Size in memory; 0 for items on disk.
    bytes: usize,
    budget: Arc<QueueBudget>,
}

#[derive(Debug)]
enum Content {
    Memory(Vec<Run>),
    Part(Part, Arc<Recorder>),
    Recovered(RecoveredPart),
}

impl Item {
    pub(super) fn memory(runs: Vec<Run>, budget: &Arc<QueueBudget>) -> Self {
        Self {
            number: 0,
            spans: runs.iter().map(|run| run.spans).sum(),
            bytes: runs.iter().map(Run::len).sum(),
            content: Content::Memory(runs),
            budget: Arc::clone(budget),
        }
    }

    pub(super) fn part(part: Part, recorder: &Arc<Recorder>, budget: &Arc<QueueBudget>) -> Self {
        Self {
            number: 0,
            spans: part.spans(),
            bytes: 0,
            content: Content::Part(part, Arc::clone(recorder)),
            budget: Arc::clone(budget),
        }
    }

    pub(super) fn recovered(part: RecoveredPart, budget: &Arc<QueueBudget>) -> Self {
        Self {
            number: 0,
            spans: part.spans(),
            bytes: 0,
            content: Content::Recovered(part),
            budget: Arc::clone(budget),
        }
    }

    pub(super) fn spans(&self) -> usize {
        self.spans
    }

    /// Whether it survives this process.
    pub(super) fn is_on_disk(&self) -> bool {
        !matches!(self.content, Content::Memory(_))
    }

    /// Whether the destination with this number needs it.
    pub(super) fn is_for(&self, destination: usize) -> bool {
        match &self.content {
            Content::Recovered(part) => part.is_missing_at(destination),
            _ => true,
        }
    }

    /// Whether it is a selected part.
    pub(super) fn is_part(&self, pick: &dyn Fn(&Part) -> bool) -> bool {
        matches!(&self.content, Content::Part(part, _) if pick(part))
    }

    /// Whether the recorder dropped it while a thread still held it back.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_part(&Part::is_evicted)
    }

    /// A destination starts sending it. The queue is locked.
    pub(super) fn begin_sending(&self) {
        if let Content::Part(part, _) = &self.content {
            part.begin_flight();
        }
    }

    /// The destination has finished sending it.
    pub(super) fn end_sending(&self) {
        if let Content::Part(part, _) = &self.content {
            part.end_flight();
        }
    }

    /// Acknowledges it for a destination, which has received it or never will.
    pub(super) fn ack(&self, destination: usize) {
        match &self.content {
            Content::Memory(_) => {}
            Content::Part(part, recorder) => recorder.ack(destination, part),
            Content::Recovered(part) => part.ack(destination),
        }
    }

    /// Reading it for a destination failed. It is not acknowledged, so the next start sends it.
    pub(super) fn leave_unread(&self, destination: usize) {
        if let Content::Recovered(part) = &self.content {
            part.leave_unread(destination);
        }
    }

    /// Its spans, as runs of one scope each.
    pub(super) fn runs(
        &self,
        resource: &Arc<EncodedResource>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Vec<Run>> {
        let mut builder = RunBuilder::default();
        let mut push = |scope: Option<_>, span: &[u8]| builder.push(scope, span, &self.budget);
        let resource = match &self.content {
            Content::Memory(runs) => return Ok(runs.clone()),
            Content::Part(part, recorder) => {
                part.read(recorder, buffer, &mut push)?;
                resource
            }
            Content::Recovered(part) => {
                part.read(buffer, &mut push)?;
                part.resource()
            }
        };
        Ok(builder.finish(resource))
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if let Content::Memory(runs) = &mut self.content {
            self.budget.release(self.spans, self.bytes);
            for run in runs.drain(..) {
                self.budget.recycle(run.into_buffer());
            }
        }
    }
}

/// Builds runs, one for each scope.
#[derive(Default)]
struct RunBuilder(Vec<(Arc<EncodedScope>, Vec<u8>, usize)>);

impl RunBuilder {
    fn push(&mut self, scope: Option<Arc<EncodedScope>>, span: &[u8], budget: &QueueBudget) {
        // A span without scope is better than none.
        let scope = scope.unwrap_or_default();
        let same = |(known, ..): &&mut (Arc<EncodedScope>, _, _)| known.is_same(&scope);
        if let Some((_, bytes, spans)) = self.0.iter_mut().find(same) {
            bytes.extend_from_slice(span);
            *spans += 1;
            return;
        }
        let mut bytes = budget.buffer(span.len());
        bytes.extend_from_slice(span);
        self.0.push((scope, bytes, 1));
    }

    fn finish(self, resource: &Arc<EncodedResource>) -> Vec<Run> {
        let run = |(scope, bytes, spans)| Run::new(resource, scope, Arc::new(bytes), spans);
        self.0.into_iter().map(run).collect()
    }
}
