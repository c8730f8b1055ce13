//! The options of a flight recorder.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How ended spans are kept until every destination has received them, and what they survive.
///
/// The cost is relative to what the layer adds to a sampled gRPC call, measured by `benches/run
/// --part recorder`: medians of November 2026 on two noisy cores.
///
/// | | cost of a span | what is lost |
/// |---|---|---|
/// | `Memory` | × 1: one copy | all waiting spans, when the process dies |
/// | `ProcessCrash` | about × 1.2: a second copy and a checksum, no system call | nothing when the process dies (`kill -9`, abort, out of memory); what the system has not written yet (up to 30 s with Linux's defaults), when the machine crashes |
/// | `PowerLoss` | about × 1.6: as `ProcessCrash`, and pages being written to the disk are copied once more | spans that ended since the last sync, when the machine crashes |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// In the process's memory.
    Memory,
    /// In memory-mapped files.
    #[default]
    ProcessCrash,
    /// As `ProcessCrash`, but a span counts as durable when it is on the disk: a separate thread
    /// syncs ten times a second.
    PowerLoss,
}

/// What happens to spans when the recorder is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// New spans wait in memory; when the queue is full too, they are dropped and counted.
    #[default]
    DropNewest,
    /// The oldest spans are dropped and counted, a whole file at a time.
    DropOldest,
}

/// The options of a flight recorder: its folder and its limits.
///
/// ```
/// use lianlu_sdk::{Durability, FlightRecorder, WhenFull};
///
/// let recorder = FlightRecorder::new("/var/lib/shop/traces")
///     .with_durability(Durability::PowerLoss)
///     .with_max_bytes(256 * 1024 * 1024)
///     .when_full(WhenFull::DropOldest);
/// # let _ = recorder;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a recorder does nothing until it is given to a pipeline"]
pub struct FlightRecorder {
    pub(super) dir: PathBuf,
    pub(super) durability: Durability,
    pub(super) max_bytes: u64,
    pub(super) when_full: WhenFull,
}

/// Maximum size of a segment.
const MAX_SEGMENT: u64 = 1024 * 1024;
/// Minimum size of a segment; much smaller for Miri, where every word is slow.
const MIN_SEGMENT: u64 = if cfg!(miri) { 8 * 1024 } else { 64 * 1024 };
/// Minimum number of slots for calls.
const MIN_SLOTS: u64 = if cfg!(miri) { 16 } else { 64 };
/// Interval of the syncs of `PowerLoss`.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);
/// Interval of the heartbeat.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

impl FlightRecorder {
    /// The environment variable that every pipeline reads.
    pub const VARIABLE: &'static str = "LIANLU_FLIGHT_RECORDER_DIR";

    /// A recorder in this folder, which is created if it does not exist. The folder belongs to one
    /// process at a time.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            durability: Durability::default(),
            max_bytes: 64 * MAX_SEGMENT,
            when_full: WhenFull::default(),
        }
    }

    /// A recorder in the folder named by `LIANLU_FLIGHT_RECORDER_DIR`, if that is set.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let dir = std::env::var_os(Self::VARIABLE)?;
        (!dir.is_empty()).then(|| Self::new(dir))
    }

    /// What spans survive. [`Durability::ProcessCrash`] by default.
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Maximum size of all span files together, 64 MiB by default and at least a quarter of one
    /// MiB. Files of earlier runs are included.
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// What happens when the recorder is full.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether spans are recorded on disk.
    pub(crate) fn is_on(&self) -> bool {
        self.durability > Durability::Memory
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes.max(4 * MIN_SEGMENT)
    }

    pub(super) fn segment_bytes(&self) -> usize {
        let bytes = (self.max_bytes() / 64).clamp(MIN_SEGMENT, MAX_SEGMENT);
        // Whole words.
        bytes as usize / 8 * 8
    }

    /// Number of slots for calls in flight.
    pub(super) fn slots(&self) -> usize {
        (self.max_bytes() / 16 / 1024).clamp(MIN_SLOTS, 4096) as usize
    }

    pub(super) fn interval(&self) -> Duration {
        match self.durability {
            Durability::PowerLoss => SYNC_INTERVAL,
            _ => HEARTBEAT_INTERVAL,
        }
    }
}

impl<P: Into<PathBuf>> From<P> for FlightRecorder {
    fn from(dir: P) -> Self {
        Self::new(dir)
    }
}
