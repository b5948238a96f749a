//! Boost's message queue, if a C++ compiler and its headers are here: `boost.cpp`, compiled and loaded at
//! the first use.
#![expect(unsafe_code, reason = "loads a library of C++ and calls it")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;

use super::{Ends, unused_name};

type Create = unsafe extern "C" fn(*const c_char, usize, usize) -> *mut c_void;
type Send = unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int) -> c_int;
type Receive = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, c_int) -> c_int;
type Close = unsafe extern "C" fn(*mut c_void);

/// The functions of the library.
#[derive(Clone, Copy)]
struct Library {
    create: Create,
    send: Send,
    receive: Receive,
    close: Close,
}

/// Closed with the last end that uses it.
struct Queue(*mut c_void, Close);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: `boost_queue_close` takes what `boost_queue_create` gave, once; this is its only owner.
        unsafe { (self.1)(self.0) };
    }
}

pub(super) fn ends(capacity: usize, size: usize, busy: bool) -> io::Result<Ends> {
    let library = library()?;
    let name = CString::new(unused_name().trim_start_matches('/'))?;
    // SAFETY: `boost_queue_create` reads the string, which is live, and two numbers.
    let made = unsafe { (library.create)(name.as_ptr(), capacity, size) };
    if made.is_null() {
        return Err(io::Error::other("Boost could not make a queue"));
    }
    let queue = Rc::new(Queue(made, library.close));
    let other = Rc::clone(&queue);
    let wait = c_int::from(!busy);
    Ok(Ends {
        send: Box::new(move |bytes| {
            spin(|| {
                // SAFETY: the queue is open as long as `queue`; `bytes.len()` bytes are readable.
                unsafe { (library.send)(queue.0, bytes.as_ptr().cast(), bytes.len(), wait) }
            })
        }),
        receive: Box::new(move |bytes| {
            spin(|| {
                let (to, len) = (bytes.as_mut_ptr().cast(), bytes.len());
                // SAFETY: as above; `len` bytes are writable.
                unsafe { (library.receive)(other.0, to, len, wait) }
            })
        }),
    })
}

/// Asks again for as long as the call would have to wait.
#[inline]
fn spin(mut call: impl FnMut() -> c_int) -> io::Result<()> {
    loop {
        match call() {
            1 => return Ok(()),
            0 => std::hint::spin_loop(),
            _ => return Err(io::Error::other("Boost failed")),
        }
    }
}

/// The library, made once. `Unsupported`: there is no compiler, or there are no headers.
fn library() -> io::Result<Library> {
    static MADE: OnceLock<Result<Library, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| build().map_err(|error| error.to_string()));
    made.clone().map_err(|why| io::Error::new(io::ErrorKind::Unsupported, why))
}

fn build() -> io::Result<Library> {
    let path = std::env::temp_dir().join(format!("ipc-t-{}-boost.so", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/boost.cpp");
    let compiled = Command::new("g++")
        .args(["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-w", source, "-o"])
        .arg(&path)
        .output()
        .map_err(|error| io::Error::other(format!("no g++: {error}")))?;
    if !compiled.status.success() {
        return Err(io::Error::other("g++ cannot build it; is libboost-dev installed?"));
    }
    let loaded = load(&CString::new(path.as_os_str().as_encoded_bytes())?);
    std::fs::remove_file(&path)?;
    loaded
}

fn load(path: &CStr) -> io::Result<Library> {
    // SAFETY: `dlopen` reads the string, which is live; the library was just built from `boost.cpp`, whose
    // initialisers are those of the C++ runtime.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if handle.is_null() {
        return Err(io::Error::other("the library cannot be loaded"));
    }
    let find = |name: &CStr| {
        // SAFETY: `dlsym` takes an open handle, which is never closed, and a live string.
        let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
        if found.is_null() { Err(io::Error::other("a function is missing")) } else { Ok(found) }
    };
    let (create, send) = (find(c"boost_queue_create")?, find(c"boost_queue_send")?);
    let (receive, close) = (find(c"boost_queue_receive")?, find(c"boost_queue_close")?);
    Ok(Library {
        // SAFETY: it is the function of this name in `boost.cpp`, which has this type.
        create: unsafe { std::mem::transmute::<*mut c_void, Create>(create) },
        // SAFETY: as above.
        send: unsafe { std::mem::transmute::<*mut c_void, Send>(send) },
        // SAFETY: as above.
        receive: unsafe { std::mem::transmute::<*mut c_void, Receive>(receive) },
        // SAFETY: as above.
        close: unsafe { std::mem::transmute::<*mut c_void, Close>(close) },
    })
}
