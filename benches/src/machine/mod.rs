//! What the machine tells: allocations, clocks, processors, processes.

pub(crate) mod allocations;
pub(crate) mod clocks;
pub(crate) mod processes;
pub(crate) mod processors;
