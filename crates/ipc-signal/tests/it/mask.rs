//! Masks come and go with their guards.

use ipc_devkit::alone;
use ipc_signal::{Mask, Signal, SignalSet, pending, raise, try_wait_for};

/// G4: the mask after the guards is the mask before them, bit for bit.
#[test]
fn guards_restore_the_mask() {
    alone("mask::guards_restore_the_mask", || {
        let before = crate::status("SigBlk:");
        {
            let _one = Mask::block(Signal::USR1 | Signal::rt(4)).expect("block");
            let _two = Mask::unblock(Signal::USR1).expect("unblock");
            let _three = Mask::set(Signal::HUP).expect("set");
            assert_eq!(Mask::current().expect("read"), SignalSet::from(Signal::HUP));
            assert_ne!(crate::status("SigBlk:"), before);
        }
        assert_eq!(crate::status("SigBlk:"), before);
        Mask::block(Signal::HUP).expect("block").keep();
        assert!(Mask::current().expect("read").contains(Signal::HUP));
        drop(Mask::block(SignalSet::full()).expect("what C programs block before a fork"));
    });
}

/// What is pending is told, and taken by a wait.
#[test]
fn pending_is_told() {
    alone("mask::pending_is_told", || {
        let _mask = Mask::block(Signal::USR1 | Signal::USR2).expect("block");
        assert!(pending().expect("ask").is_empty());
        raise(Signal::USR2).expect("raise");
        assert_eq!(pending().expect("ask"), SignalSet::from(Signal::USR2));
        assert_eq!(try_wait_for(Signal::USR2).expect("take").signal, Signal::USR2);
        assert!(pending().expect("ask").is_empty());
    });
}
