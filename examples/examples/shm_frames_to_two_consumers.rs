//! A camera's frames of 4 MiB go to two consumers through shared memory; one is killed and started again.
//!
//! Each consumer has a ring of its own. The camera writes a frame in place, once for each of them, and
//! waits for a slow one no longer than a frame may take: then that consumer misses it. The one that is
//! killed does not disturb the other. Its successor goes on with the frame that the dead one was looking at.

use std::error::Error;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use ipc::shm::Error as ShmError;
use ipc::shm::ring::{Options, Receiver, Sender};

const FRAME: usize = 4 << 20;
/// So many frames may wait for a consumer.
const WAITING: usize = 3;
/// The consumer is killed after the first part, and is back for the last one.
const PARTS: [u64; 3] = [30, 10, 30];
const PATIENCE: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    match (args.next(), args.next()) {
        (Some(name), Some(who)) => consumer(&name, &who),
        _ => camera(),
    }
}

/// A consumer, as the camera sees it.
struct Viewer {
    who: &'static str,
    ring: String,
    frames: Sender,
    process: Child,
    missed: Vec<u64>,
}

impl Viewer {
    fn start(who: &'static str) -> Result<Self, Box<dyn Error>> {
        let ring = format!("ipc-example-frames-{}-{who}", std::process::id());
        let frames = Options::new().capacity(WAITING * (FRAME + 128)).create(&ring)?;
        let process = Self::spawn(&ring, who)?;
        Ok(Self { who, ring, frames, process, missed: Vec::new() })
    }

    fn spawn(ring: &str, who: &str) -> std::io::Result<Child> {
        Command::new(std::env::current_exe()?).args([ring, who]).spawn()
    }

    /// Writes a frame in place. A viewer that is not there, or too slow, misses it.
    fn show(&mut self, number: u64) -> Result<(), ShmError> {
        match self.frames.reserve_timeout(FRAME, PATIENCE) {
            Ok(mut frame) => {
                draw(&mut frame, number);
                frame.commit();
                Ok(())
            }
            Err(ShmError::TimedOut | ShmError::Closed { .. }) => {
                self.missed.push(number);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // Only after an error is there anything left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = Sender::unlink(&self.ring);
    }
}

fn camera() -> Result<(), Box<dyn Error>> {
    let mut viewers = [Viewer::start("screen")?, Viewer::start("recorder")?];
    let (mut number, began) = (0, Instant::now());
    for (part, frames) in PARTS.into_iter().enumerate() {
        for _ in 0..frames {
            for viewer in &mut viewers {
                viewer.show(number)?;
            }
            number += 1;
        }
        let recorder = &mut viewers[1];
        if part == 0 {
            recorder.process.kill()?;
            recorder.process.wait()?;
            println!("camera: killed the recorder after frame {}", number - 1);
        } else if part == 1 {
            recorder.process = Viewer::spawn(&recorder.ring, recorder.who)?;
            let since = Instant::now();
            while recorder.frames.is_closed() && since.elapsed() < LONG {
                std::thread::yield_now();
            }
            println!("camera: started it again before frame {number}");
        }
    }
    let spent = began.elapsed();
    println!("camera: {number} frames of 4 MiB in {spent:?}");
    for mut viewer in viewers {
        println!("camera: the {} missed {:?}", viewer.who, viewer.missed);
        // It closes when all was shown: the viewer ends by itself.
        drop(std::mem::replace(&mut viewer.frames, ipc::shm::ring::pair()?.0));
        let status = viewer.process.wait()?;
        if !status.success() {
            return Err(format!("the {} ended with {status}", viewer.who).into());
        }
    }
    Ok(())
}

/// The picture: each 4 KiB begin with the number of the frame.
fn draw(frame: &mut [u8], number: u64) {
    for block in frame.chunks_mut(4096) {
        block[..8].copy_from_slice(&number.to_le_bytes());
        block[8..].fill(number.to_le_bytes()[0]);
    }
}

/// The number of a frame that is all of one picture.
fn number_of(frame: &[u8]) -> Option<u64> {
    let number = u64::from_le_bytes(frame.get(..8)?.try_into().ok()?);
    let whole = frame
        .chunks(4096)
        .all(|block| block[..8] == number.to_le_bytes() && block[4095] == number.to_le_bytes()[0]);
    whole.then_some(number)
}

/// Another process: looks at each frame in place, and gives its room back.
fn consumer(ring: &str, who: &str) -> Result<(), Box<dyn Error>> {
    let mut frames = Receiver::open(ring)?;
    let (mut first, mut last, mut count) = (None, None, 0);
    loop {
        match frames.peek_timeout(LONG) {
            Ok(frame) => {
                let number = number_of(&frame).ok_or("a torn frame")?;
                if last.is_some_and(|last| number <= last) {
                    return Err(format!("frame {number} after {last:?}").into());
                }
                first = first.or(Some(number));
                last = Some(number);
                count += 1;
                frame.release();
            }
            Err(ShmError::Closed { peer_died: false }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let (first, last) = (first.ok_or("no frame")?, last.ok_or("no frame")?);
    println!("{who} {}: {count} whole frames, from {first} to {last}", std::process::id());
    Ok(())
}
