//! Names are checked before any system call.

use std::path::Path;

use ipc_core::name::{Fault, NAME_MAX, Name, PATH_MAX, check_path};

/// X9: one component, no NUL, no control character, of bounded length.
#[test]
fn names_of_objects_are_one_clean_component() {
    let long = "x".repeat(256);
    let cases = [
        ("jobs", Ok("jobs")),
        ("/jobs", Ok("jobs")),
        ("naïve name.1", Ok("naïve name.1")),
        (&long[..254], Ok(&long[..254])),
        (&long[..255], Ok(&long[..255])),
        (&long, Err(Fault::TooLong { len: 256, max: 255 })),
        ("", Err(Fault::Empty)),
        ("/", Err(Fault::Empty)),
        ("//", Err(Fault::Slash)),
        ("a/b", Err(Fault::Slash)),
        ("/a/", Err(Fault::Slash)),
        (".", Err(Fault::Dots)),
        ("/..", Err(Fault::Dots)),
        ("a\0b", Err(Fault::Nul)),
        ("a\nb", Err(Fault::Control)),
        ("\u{7f}", Err(Fault::Control)),
    ];
    for (given, expected) in cases {
        let checked = Name::new(given, NAME_MAX);
        let bare = checked.as_ref().map(Name::bare).map_err(|fault| *fault);
        assert_eq!(bare, expected, "{given:?}");
    }
    assert_eq!(Name::new("jobs", 10).expect("fine").slashed(), "/jobs");
}

/// X9: paths have the same checks of NUL and length.
#[test]
fn paths_are_checked_for_nul_and_length() {
    let max = PATH_MAX - 1;
    let check = |path: &str| check_path(Path::new(path), max);
    assert_eq!(check("/run/app/../socket"), Ok(()));
    assert_eq!(check(""), Err(Fault::Empty));
    assert_eq!(check("/run/a\0b"), Err(Fault::Nul));
    let deep = "/x".repeat(2048);
    assert_eq!(check(&deep[..4095]), Ok(()));
    assert_eq!(check(&deep), Err(Fault::TooLong { len: 4096, max }));
    let long = format!("/run/{}", "x".repeat(256));
    assert_eq!(check(&long), Err(Fault::TooLong { len: 256, max: 255 }));
    assert_eq!(check_path(Path::new(&long), 107), Err(Fault::TooLong { len: 261, max: 107 }));
}

#[test]
fn every_fault_says_what_is_wrong() {
    let faults = [
        Fault::Empty,
        Fault::Nul,
        Fault::Slash,
        Fault::Dots,
        Fault::Control,
        Fault::TooLong { len: 300, max: 255 },
    ];
    for fault in faults {
        assert!(fault.to_string().starts_with("it "), "{fault}");
    }
}
