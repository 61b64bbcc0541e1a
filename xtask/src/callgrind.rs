//! What callgrind has counted.

use std::collections::HashMap;

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    /// Calls that ask for memory.
    pub(crate) allocations: u64,
}

/// Reads its file (Valgrind's manual, "Callgrind Format Specification"): `cfn=` names who is called by the line after
/// next, `calls=`; a name is written once, behind its number, and then goes by that.
pub(crate) fn read(text: &str) -> Counts {
    let (mut counts, mut names, mut callee) = (Counts::default(), HashMap::new(), "");
    for line in text.lines() {
        if let Some(totals) = line.strip_prefix("totals: ") {
            counts.instructions += totals.trim().parse::<u64>().unwrap_or_default();
        } else if let Some(name) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            let name = if name.is_empty() { names.get(number).copied().unwrap_or_default() } else { name };
            names.insert(number, name);
            callee = name;
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"].contains(&callee)
        {
            let count = calls.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            counts.allocations += count.unwrap_or_default();
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_who_is_called_and_names_go_by_their_number() {
        let text = "fn=(1) main\n0 5\ncfn=(2) malloc\ncalls=3 0\n0 90\ncfn=(3) free\ncalls=3 0\n0 30\n\
                    fn=(4) other\ncfi=(7)\ncfn=(2)\ncalls=2 0\n0 60\ntotals: 185\n";
        assert_eq!(read(text), Counts { instructions: 185, allocations: 5 });
    }
}
