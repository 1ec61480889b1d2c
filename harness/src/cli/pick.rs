//! Picks rows by what the user asked for.

use hypercheck::runner::Job;
use hypercheck_report::known::glob;
use hypercheck_spec::yaml::nearest;

use super::{Failure, usage};

/// Keeps the jobs that one of the filters names: a whole name, a part of one, or a pattern with `*` and `?`.
pub(crate) fn filter(jobs: &mut Vec<Job>, filters: &[String]) -> Result<(), Failure> {
    if filters.is_empty() {
        return Ok(());
    }
    for filter in filters {
        if !jobs.iter().any(|job| matches(filter, &job.id)) {
            let parts = jobs.iter().flat_map(|job| job.id.split('/'));
            let hint = nearest(filter, parts).map_or_else(
                || "`hypercheck list cases` shows them all".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            return Err(usage(format!("no case matches {filter}; {hint}")));
        }
    }
    let exact: Vec<&String> = filters.iter().filter(|f| jobs.iter().any(|job| job.id == **f)).collect();
    let exact: std::collections::HashSet<String> = exact.into_iter().cloned().collect();
    jobs.retain(|job| filters.iter().any(|f| if exact.contains(f) { job.id == *f } else { matches(f, &job.id) }));
    Ok(())
}

/// Whether `id` is meant by `filter`.
pub(crate) fn matches(filter: &str, id: &str) -> bool {
    if filter.contains(['*', '?']) { glob::matches(filter, id) } else { id.contains(filter) }
}

/// Keeps every `n`th row, starting with the `k`th, so that `n` machines can share the work: `K/N`, K from 1.
pub(crate) fn shard(jobs: &mut Vec<Job>, text: &str) -> Result<(), Failure> {
    let parsed = text.split_once('/').and_then(|(k, n)| Some((k.parse::<usize>().ok()?, n.parse::<usize>().ok()?)));
    let (k, n) = parsed
        .filter(|(k, n)| 1 <= *k && k <= n)
        .ok_or_else(|| usage(format!("--shard {text}: write K/N with K from 1 to N, such as 2/4")))?;
    let mut count = 0;
    jobs.retain(|_| {
        count += 1;
        (count - 1) % n == k - 1
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn filters_are_parts_or_patterns() {
        assert!(matches("H_CEDE", "papr/H_CEDE/derived/plain"));
        assert!(matches("papr/*/plain", "papr/H_CEDE/derived/plain"));
        assert!(!matches("papr/*/plain", "papr/H_CEDE/derived/plain-2"));
        assert!(matches("*r?-edge", "xr4-edge"));
    }
}
