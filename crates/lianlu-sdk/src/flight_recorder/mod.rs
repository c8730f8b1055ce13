//! The flight recorder: keeps spans on disk until every destination has received them, so that they
//! survive the process.
//!
//! ```text
//!                 ┌─ calls: a slot for each call that has started ── crash ─► span with `lianlu.unfinished`
//! span ── end ─►  │
//!                 └─ NNNNNN.spans: a segment for each thread ─► worker ─► exporter ─► cursor in the segment
//!                                              └── crash ─► the next start, or `lianlu recover DIR`
//! ```
//!
//! # Constraints
//!
//! - **No system call on the request path.** Files are mapped. Bytes stored in a mapped page are in
//!   the file, whatever happens to the process; only a crash of the machine loses what was not
//!   synced.
//! - **No holes in files.** Files are created by writing zeros: a full disk is an error at
//!   creation, never a signal later.
//! - **No global lock on the request path.** Only one thread at a time writes to a segment. A
//!   thread without a prepared segment keeps its spans in memory.
//! - **Not overwritten before it has arrived.** A segment is reused when every destination has
//!   received all of it.
//! - **Readers validate everything.** Every record has a checksum. Damaged records are skipped and
//!   counted, and the records after them are read. Files of another version are not read and not
//!   changed.
//!
//! The file format is documented in [`lianlu_wire::segment`].
//!
//! # Deletion
//!
//! Only the process that holds the lock of the folder deletes files. A segment is deleted when
//! every destination's cursor is at its end; the folder of an earlier run when all of its spans
//! have arrived. The cursor is written before the deletion, so a crash in between loses nothing,
//! and a missing file has been processed. Spans that could not be read from the disk have not
//! arrived, so their file is kept, whatever the counts say.

mod calls;
#[cfg(test)]
mod faulty;
mod map;
mod options;
mod owner;
mod recorder;
mod recovered;
mod rejected;
mod segment;
mod storage;
#[cfg(test)]
mod tests;
mod unfinished;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub(crate) use calls::{FreeSlots, Slot};
pub(crate) use map::ForkGuard;
pub use options::{Durability, FlightRecorder, WhenFull};
pub use owner::RecorderError;
pub(crate) use recorder::{Evict, NO_SCOPE, Recorder};
pub(crate) use recovered::RecoveredPart;
pub use recovered::RecoveryReport;
pub(crate) use rejected::Rejected;
pub(crate) use segment::{Part, Writer};

use lianlu_wire::segment::{RecordKind, Records};

use crate::encode::{EncodedResource, EncodedScope};
use crate::pipeline::Listener;
pub(crate) use owner::Owner;
use recovered::RecoveredSpans;
use storage::Folder;

/// A recorder with its folder, and the folder's earlier content.
pub(crate) struct Opened {
    pub(crate) recorder: Recorder,
    pub(crate) parts: Vec<RecoveredPart>,
    pub(crate) report: RecoveryReport,
    pub(crate) rejected: Rejected,
}

/// Locks the folder, reads its content, and creates the files of this run.
pub(crate) fn open(
    options: &FlightRecorder,
    resource: &EncodedResource,
    destinations: &[u64],
    listener: &Listener,
) -> Result<Opened, RecorderError> {
    let unusable = unusable(&options.dir);
    let owner = Owner::take(&options.dir)?;
    let recovered = RecoveredSpans::find(&owner.dir, destinations).map_err(&unusable)?;
    let folder = Folder::create(owner.new_run()).map_err(&unusable)?;
    let recorder = Recorder::new(
        Box::new(folder),
        options.clone(),
        resource,
        destinations.to_vec(),
        recovered.bytes,
        Arc::clone(listener),
        Some(owner),
    );
    Ok(Opened {
        recorder: recorder.map_err(unusable)?,
        parts: recovered.parts,
        report: recovered.report,
        rejected: Rejected::new(&options.dir),
    })
}

/// The content of a folder of another process. The folder is locked while this lives.
pub(crate) struct OpenedForRecovery {
    pub(crate) parts: Vec<RecoveredPart>,
    pub(crate) report: RecoveryReport,
    pub(crate) rejected: Rejected,
    pub(crate) owner: Owner,
}

/// Locks an existing folder and reads its content.
pub(crate) fn find(dir: &Path, destinations: &[u64]) -> Result<OpenedForRecovery, RecorderError> {
    let unusable = unusable(dir);
    std::fs::read_dir(dir).map_err(&unusable)?;
    let owner = Owner::take(dir)?;
    let recovered = RecoveredSpans::find(dir, destinations).map_err(&unusable)?;
    Ok(OpenedForRecovery {
        parts: recovered.parts,
        report: recovered.report,
        rejected: Rejected::new(dir),
        owner,
    })
}

fn unusable(dir: &Path) -> impl Fn(io::Error) -> RecorderError {
    let dir = dir.to_owned();
    move |cause| RecorderError::Unusable {
        dir: dir.clone(),
        cause,
    }
}

/// The name of a destination in files: a hash of its name and of its index among destinations with
/// the same name.
pub(crate) fn destination_hash(names: &[String], number: usize) -> u64 {
    let name = names.get(number).map(String::as_str).unwrap_or_default();
    let before = names
        .iter()
        .take(number)
        .filter(|other| *other == name)
        .count();
    let crc = |seed: u32| crc32c::crc32c_append(seed, name.as_bytes());
    // Not 0, which means no name.
    u64::from(crc(before as u32)) << 32 | u64::from(crc(!0)) | 1
}

/// The spans among these records, each as `0x12 len Span`.
fn spans_of(
    bytes: &[u8],
    generation: u32,
    scope: impl Fn(u16) -> Option<Arc<EncodedScope>>,
    mut each: impl FnMut(Option<Arc<EncodedScope>>, &[u8]),
) {
    let mut known = (NO_SCOPE, None);
    for record in Records::new(bytes, 0, generation) {
        if record.kind == RecordKind::Span {
            if known.0 != record.scope || known.1.is_none() {
                known = (record.scope, scope(record.scope));
            }
            each(known.1.clone(), record.payload);
        }
    }
}
