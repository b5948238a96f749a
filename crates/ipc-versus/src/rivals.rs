//! The rivals, a file each. What was chosen for each is told in its head.

pub mod channels;
pub mod iceoryx2;
pub mod interprocess;
pub mod ipc_channel;
pub mod ipmpsc;
pub mod rtrb;
pub mod shmem_ipc;
#[cfg(feature = "zeromq")]
pub mod zeromq;
