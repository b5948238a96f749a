//! What the feature `log` tells: fallbacks, at level warn. Without it, nothing.

/// Tells once a process which fallbacks are active.
#[inline]
pub(crate) fn fallbacks() {
    #[cfg(feature = "log")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let features = crate::features();
            if !features.no_signal {
                log::warn!(
                    "no RWF_NOSIGNAL (Linux 6.18): SIGPIPE is blocked around a handler's write"
                );
            }
            if !features.exit_status {
                log::warn!(
                    "no PIDFD_INFO_EXIT (Linux 6.15): other processes' exit status is unknown"
                );
            }
        });
    }
}
