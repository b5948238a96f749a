//! Queues in shared memory.

mod death;
mod hostile;
mod model;
mod order;
mod processes;
mod step;
mod waits;
