//! Files with holes: only what is there is copied, and the holes stay holes.

use rustix::fs::{FileType, OFlags, SeekFrom, fcntl_getfl, fstat, ftruncate, seek, tell};
use rustix::io::Errno;

use super::Method;
use super::job::Job;
use crate::error::{Error, Result};

/// Copies a file with holes to the end of another. False if it must be copied byte by byte: the
/// destination has something where a hole would go, or one of the two does not know holes.
pub(super) fn copy(job: &mut Job<'_, '_>, ways: &[Method], size: u64) -> Result<bool> {
    let (Ok(from), Ok(to)) = (tell(job.from), tell(job.to)) else { return Ok(false) };
    let whole = job.until;
    let end = size.min(from.saturating_add(whole));
    if end <= from || !ends_at(job, to) {
        return Ok(false);
    }
    let failed = |op| move |errno| Error::os(op, errno);
    let mut at = from;
    while at < end {
        let data = match seek(job.from, SeekFrom::Data(at)) {
            Ok(data) => data.min(end),
            // Nothing but a hole is left.
            Err(Errno::NXIO) => end,
            Err(_) if at == from => return Ok(false),
            Err(errno) => return Err(Error::os("copy: find holes of source", errno)),
        };
        let hole = if data < end {
            seek(job.from, SeekFrom::Hole(data)).map_or(end, |hole| hole.clamp(data, end))
        } else {
            end
        };
        skip(job, data - at);
        seek(job.from, SeekFrom::Start(data)).map_err(failed("copy: seek in source"))?;
        seek(job.to, SeekFrom::Start(to + (data - from)))
            .map_err(failed("copy: seek in destination"))?;
        job.until = data - from + (hole - data);
        let done = job.go(ways, None);
        let came = job.until;
        job.until = whole;
        done?;
        if job.done < came {
            // The source was cut meanwhile; the caller sees it by its size.
            break;
        }
        at = hole;
    }
    // A hole at the end is only a length.
    let target = to + job.done;
    let length = fstat(job.to).map_err(failed("copy: look at destination"))?.st_size;
    if u64::try_from(length).is_ok_and(|length| length < target) {
        ftruncate(job.to, target).map_err(|errno| match errno {
            Errno::NOSPC | Errno::DQUOT => Error::NoSpace { what: "copy: extend destination" },
            errno => Error::os("copy: extend destination", errno),
        })?;
    }
    seek(job.from, SeekFrom::Start(from + job.done)).map_err(failed("copy: seek in source"))?;
    seek(job.to, SeekFrom::Start(target)).map_err(failed("copy: seek in destination"))?;
    if job.holes == job.done {
        // Not one byte was there: the way that would have been gone.
        job.method = ways[0];
    }
    Ok(true)
}

/// Whether `to` is a file that ends at this position, and not opened to append.
fn ends_at(job: &Job<'_, '_>, position: u64) -> bool {
    let is_file = fstat(job.to).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && u64::try_from(stat.st_size).is_ok_and(|size| size <= position)
    });
    is_file && fcntl_getfl(job.to).is_ok_and(|flags| !flags.contains(OFlags::APPEND))
}

fn skip(job: &mut Job<'_, '_>, hole: u64) {
    job.done += hole;
    job.holes += hole;
    if let (Some(report), true) = (&mut job.progress, hole > 0) {
        report(job.done);
    }
}
