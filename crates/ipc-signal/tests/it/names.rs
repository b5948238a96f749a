//! Names, numbers and sets.

use ipc_signal::{DefaultAction, Error, Signal, SignalSet};

/// Every signal's name and number read back as itself.
#[test]
fn names_and_numbers_read_back() {
    for signal in Signal::all() {
        let name = signal.to_string();
        assert_eq!(name.parse::<Signal>().expect("its name"), signal);
        assert_eq!(name.to_lowercase()[3..].parse::<Signal>().expect("short"), signal);
        assert_eq!(signal.as_raw().to_string().parse::<Signal>().expect("number"), signal);
        assert_eq!(Signal::from_raw(signal.as_raw()).expect("number"), signal);
    }
    assert_eq!(Signal::all().count(), 31 + 31);
    assert_eq!("SIGRTMAX".parse::<Signal>().expect("name"), Signal::rt(30));
    assert_eq!("RTMAX-30".parse::<Signal>().expect("name"), Signal::rt(0));
    assert_eq!(Signal::rt(3).rt_index(), Some(3));
    assert_eq!(Signal::USR1.rt_index(), None);
}

/// X17: no text and no number from outside makes a signal that is none, nor a panic.
#[test]
fn what_is_no_signal_is_refused() {
    let long = "9".repeat(100_000);
    let words = [
        "",
        "SIG",
        "sig",
        "0",
        "32",
        "33",
        "65",
        "-1",
        "+1",
        "SIGRTMIN+31",
        "RTMIN+300",
        "RTMIN-1",
        "RTMIN+",
        "RTMIN+-1",
        "RTMIN++1",
        "RTMAX-31",
        "RTMAX+1",
        "USR3",
        "SIGSIGUSR1",
        "SIG\0INT",
        "\u{1f980}",
        "S\u{131}GINT",
        &long,
    ];
    for word in words {
        let error = word.parse::<Signal>().expect_err(&word[..word.len().min(20)]);
        assert!(matches!(&error, Error::InvalidSignal { given } if given.len() <= 160), "{error}");
    }
    for number in [i32::MIN, -1, 0, 32, 33, 65, 128, 256 + 15, i32::MAX] {
        assert!(Signal::from_raw(number).is_err(), "{number}");
    }
    assert!(Signal::rt_checked(31).is_none() && Signal::rt_checked(255).is_none());
}

/// The default actions are those of signal(7).
#[test]
fn default_actions_are_told() {
    let of = |action| Signal::all().filter(|s| s.default_action() == action).collect::<SignalSet>();
    assert_eq!(of(DefaultAction::Stop).to_string(), "{SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU}");
    assert_eq!(of(DefaultAction::Ignore).to_string(), "{SIGCHLD, SIGURG, SIGWINCH}");
    assert_eq!(of(DefaultAction::Continue), Signal::CONT.into());
    assert_eq!(of(DefaultAction::Core).len(), 10);
    assert!(of(DefaultAction::Terminate).contains(Signal::rt(5)));
}

/// A set is the signals in it, and never those of the C library.
#[test]
fn sets_hold_signals() {
    let mut set = Signal::HUP | Signal::INT;
    set.insert(Signal::rt(1));
    set.remove(Signal::HUP);
    assert_eq!(set.iter().collect::<Vec<_>>(), [Signal::INT, Signal::rt(1)]);
    assert_eq!((set | Signal::HUP) - Signal::INT.into(), Signal::HUP | Signal::rt(1));
    assert_eq!(SignalSet::full().len(), 62);
    assert_eq!(SignalSet::full().iter().count(), 62);
    assert!(SignalSet::empty().is_empty());
}
