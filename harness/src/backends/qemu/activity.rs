//! The thread that runs the guest's processor: whether it does anything, and where.

/// How often a thread gave up its processor, freely and not. It is the same twice only if the thread slept all along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nap(String);

/// The nap that a thread is having, if it sleeps; `None` if it runs, or where that cannot be told.
#[cfg(target_os = "linux")]
pub fn nap(process: u32, thread: u64) -> Option<Nap> {
    let status = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/status")).ok()?;
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    value("State:")?.trim_start().starts_with('S').then_some(())?;
    Some(Nap(format!("{} {}", value("voluntary_ctxt_switches:")?, value("nonvoluntary_ctxt_switches:")?)))
}

/// The nap that a thread is having.
#[cfg(not(target_os = "linux"))]
pub fn nap(_: u32, _: u64) -> Option<Nap> {
    None
}

/// Makes the operating system move a thread off the processor that this thread runs on.
#[cfg(target_os = "linux")]
pub fn part(thread: u64) {
    use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};
    let Some(thread) = i32::try_from(thread).ok().and_then(rustix::process::Pid::from_raw) else { return };
    // Only a matter of speed: where it is refused, all stays as it is.
    let Ok(all) = sched_getaffinity(Some(thread)) else { return };
    let mut others = all;
    others.unset(sched_getcpu());
    if others.count() > 0 && sched_setaffinity(Some(thread), &others).is_ok() {
        let _ = sched_setaffinity(Some(thread), &all);
    }
}

/// Makes the operating system move a thread off the processor that this thread runs on.
#[cfg(not(target_os = "linux"))]
pub fn part(_: u64) {}
