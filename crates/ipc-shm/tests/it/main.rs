//! What ipc-shm promises, one file a behaviour.

mod ready;
