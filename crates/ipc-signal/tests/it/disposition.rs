//! Dispositions: read without a change, overridden by guards that give back only what is theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_devkit::alone;
use ipc_signal::{Disposition, Error, Signal, default, disposition, handle, ignore, raise};

fn dispositions() -> (String, String) {
    (crate::status("SigIgn:"), crate::status("SigCgt:"))
}

/// G4: dispositions after the guards are those before them.
#[test]
fn guards_restore_dispositions() {
    alone("disposition::guards_restore_dispositions", || {
        let before = dispositions();
        {
            let _ignored = ignore(Signal::USR1).expect("ignore");
            raise(Signal::USR1).expect("does nothing");
            assert_eq!(disposition(Signal::USR1).expect("read"), Disposition::Ignore);
            let _default = default(Signal::PIPE).expect("default");
            assert_eq!(disposition(Signal::PIPE).expect("read"), Disposition::Default);
            assert_ne!(dispositions(), before);
        }
        assert_eq!(dispositions(), before);
        for signal in Signal::all() {
            disposition(signal).expect("read");
        }
        assert_eq!(dispositions(), before, "reading changes nothing");
    });
}

/// G4: what somebody else set meanwhile stays.
#[test]
fn a_guard_leaves_what_is_not_its_own() {
    alone("disposition::a_guard_leaves_what_is_not_its_own", || {
        let guard = ignore(Signal::USR2).expect("ignore");
        ipc_devkit::fault::signal_handler_calls(Signal::USR2.as_raw(), Box::new(|| {}));
        drop(guard);
        assert_eq!(disposition(Signal::USR2).expect("read"), Disposition::Handler);
    });
}

/// G4: guards on one signal may be dropped in any order; the youngest that lives counts.
#[test]
fn guards_nest_in_any_order() {
    alone("disposition::guards_nest_in_any_order", || {
        let now = || disposition(Signal::USR1).expect("read");
        let flag = Arc::new(AtomicBool::new(false));
        let registration = handle(Signal::USR1, flag.clone()).expect("handle");
        let one = ignore(Signal::USR1).expect("ignore");
        let two = default(Signal::USR1).expect("default");
        let three = ignore(Signal::USR1).expect("ignore");
        drop(one);
        assert_eq!(now(), Disposition::Ignore);
        drop(three);
        assert_eq!(now(), Disposition::Default);
        drop(two);
        assert_eq!(now(), Disposition::Handler);
        raise(Signal::USR1).expect("raise");
        assert!(flag.load(Ordering::Acquire), "the handler is back");
        drop(registration);
    });
}

/// SIGKILL and SIGSTOP have a disposition that can be read and not changed.
#[test]
fn uncatchable_signals_are_refused() {
    alone("disposition::uncatchable_signals_are_refused", || {
        for signal in [Signal::KILL, Signal::STOP] {
            assert!(matches!(ignore(signal), Err(Error::Uncatchable)));
            assert!(matches!(default(signal), Err(Error::Uncatchable)));
            let flag = Arc::new(AtomicBool::new(false));
            assert!(matches!(handle(signal, flag), Err(Error::Uncatchable)));
            assert_eq!(disposition(signal).expect("read"), Disposition::Default);
        }
    });
}
