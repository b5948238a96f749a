//! What ipc-shm promises, one file a behaviour.

mod ring;
