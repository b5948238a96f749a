//! Ctrl-C during a run: the first one ends it in order, the second one at once.
//!
//! Without the feature `report` nothing is watched, and a signal ends us as it ends any program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked us to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches the signals by which a person or a system ends programs.
    #[cfg(feature = "report")]
    pub(crate) fn watch() -> Self {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: only a flag that an earlier signal set ends the program. If the system
            // refuses a handler, the signal keeps its own meaning.
            let flag = || Arc::clone(&interrupt.0);
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, flag());
            let _ = signal_hook::flag::register(signal, flag());
        }
        interrupt
    }

    #[cfg(not(feature = "report"))]
    pub(crate) fn watch() -> Self {
        Self::default()
    }

    /// True from the first signal on.
    pub(crate) fn came(&self) -> bool {
        // The flag is all there is to know: nothing else is read because of it.
        self.0.load(Ordering::Relaxed)
    }

    /// As if a signal had come.
    #[cfg(test)]
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
