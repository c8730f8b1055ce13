//! Spans on the disk until every destination has them, so that they outlive their process.
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
//! - **No system call on a request's path.** Files are mapped. What a process has stored in a mapped page is in the file,
//!   whatever becomes of the process; only the machine's death takes what was not synced.
//! - **No hole in a file.** Files are made of zeros that were written: a full disk is an error when a file is made, and
//!   never a signal when it is used.
//! - **Nothing global on a request's path.** A segment is written to by one thread at a time. A thread that finds none
//!   prepared keeps its spans in memory.
//! - **Never overwritten before it has arrived.** A segment is used again when every destination has all of it.
//! - **Readers believe nothing.** Every record has a checksum. What is damaged is passed over and counted, and what comes
//!   after it is read. A file of another version is refused and left as it is.
//!
//! The bytes of a file are drawn in [`lianlu_wire::segment`].
//!
//! # Who may delete what
//!
//! The process that holds the lock of the folder. A segment goes when every destination's cursor is at its end; an earlier
//! run's folder when all of its spans have arrived. The cursor comes first and the deletion second, so a crash in between
//! costs nothing, and a file that is missing has been dealt with. What the disk did not give back has not arrived, so it
//! stays, whatever the counts say of it.

mod calls;
#[cfg(test)]
mod faulty;
mod leftover;
mod map;
mod options;
mod owner;
mod recorder;
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
pub(crate) use leftover::OldPart;
pub use leftover::RecoveryReport;
pub(crate) use map::Home;
pub use options::{Durability, FlightRecorder, WhenFull};
pub use owner::RecorderError;
pub(crate) use recorder::{Evict, NO_SCOPE, Recorder};
pub(crate) use rejected::Rejected;
pub(crate) use segment::{Part, Writer};

use lianlu_wire::segment::{RecordKind, Records};

use crate::encode::{EncodedResource, EncodedScope};
use crate::pipeline::Listener;
use leftover::Leftovers;
pub(crate) use owner::Owner;
use storage::Folder;

/// A recorder that has its folder, and what was in it.
pub(crate) struct Opened {
    pub(crate) recorder: Recorder,
    pub(crate) parts: Vec<OldPart>,
    pub(crate) found: RecoveryReport,
    pub(crate) rejected: Rejected,
}

/// Takes the folder, reads what is there, and makes the files of this run.
pub(crate) fn open(
    options: &FlightRecorder,
    resource: &EncodedResource,
    destinations: &[u64],
    listener: &Listener,
) -> Result<Opened, RecorderError> {
    let unusable = unusable(&options.dir);
    let owner = Owner::take(&options.dir)?;
    let leftovers = Leftovers::find(&owner.dir, destinations).map_err(&unusable)?;
    let folder = Folder::create(owner.new_run()).map_err(&unusable)?;
    let recorder = Recorder::new(
        Box::new(folder),
        options.clone(),
        resource,
        destinations.to_vec(),
        leftovers.bytes,
        Arc::clone(listener),
        Some(owner),
    );
    Ok(Opened {
        recorder: recorder.map_err(unusable)?,
        parts: leftovers.parts,
        found: leftovers.found,
        rejected: Rejected::new(&options.dir),
    })
}

/// What somebody else has left. The folder is ours as long as this lives.
pub(crate) struct Taken {
    pub(crate) parts: Vec<OldPart>,
    pub(crate) found: RecoveryReport,
    pub(crate) rejected: Rejected,
    pub(crate) owner: Owner,
}

/// Takes a folder that is there, and reads what is in it.
pub(crate) fn find(dir: &Path, destinations: &[u64]) -> Result<Taken, RecorderError> {
    let unusable = unusable(dir);
    std::fs::read_dir(dir).map_err(&unusable)?;
    let owner = Owner::take(dir)?;
    let leftovers = Leftovers::find(dir, destinations).map_err(&unusable)?;
    Ok(Taken {
        parts: leftovers.parts,
        found: leftovers.found,
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

/// How a destination is called in files: by its name, and by which of those of this name it is.
pub(crate) fn destination_hash(names: &[String], number: usize) -> u64 {
    let name = names.get(number).map(String::as_str).unwrap_or_default();
    let before = names
        .iter()
        .take(number)
        .filter(|other| *other == name)
        .count();
    let crc = |seed: u32| crc32c::crc32c_append(seed, name.as_bytes());
    // Not 0, which is no name.
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
