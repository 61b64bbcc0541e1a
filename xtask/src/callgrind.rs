//! What callgrind has counted.

use std::collections::HashMap;

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    /// Calls that ask for memory, but for those below.
    pub(crate) allocations: u64,
    /// Those of the C library that does the cryptography.
    pub(crate) allocations_of_c: u64,
}

/// Reads its file (Valgrind's manual, "Callgrind Format Specification"): `fn=` names who calls, `cfn=` who is called, and
/// `calls=` says how often; a name is written once, behind its number, and then goes by that.
pub(crate) fn read(text: &str) -> Counts {
    let (mut counts, mut names) = (Counts::default(), HashMap::new());
    let (mut caller, mut callee) = ("", "");
    for line in text.lines() {
        if let Some(totals) = line.strip_prefix("totals: ") {
            counts.instructions += totals.trim().parse::<u64>().unwrap_or_default();
        } else if let Some(name) = line.strip_prefix("fn=") {
            caller = named(name, &mut names);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = named(name, &mut names);
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"].contains(&callee)
        {
            let count = calls.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            let c = caller.contains("OPENSSL_");
            *(if c { &mut counts.allocations_of_c } else { &mut counts.allocations }) +=
                count.unwrap_or_default();
        }
    }
    counts
}

fn named<'t>(name: &'t str, names: &mut HashMap<&'t str, &'t str>) -> &'t str {
    match name.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(name).copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_who_is_called_and_names_go_by_their_number() {
        let text = "fn=(1) main\n0 5\ncfn=(2) malloc\ncalls=3 0\n0 90\ncfn=(3) free\ncalls=3 0\n0 30\n\
                    fn=(4) lib_OPENSSL_malloc\ncfi=(7)\ncfn=(2)\ncalls=2 0\n0 60\ntotals: 185\n";
        assert_eq!(read(text), Counts { instructions: 185, allocations: 3, allocations_of_c: 2 });
    }
}
