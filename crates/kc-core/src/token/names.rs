//! A few names in one piece of memory.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// A list of names, such as roles or audiences: one piece of memory however many there are, cheap to clone.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Names {
    /// How many names there are, where each of them ends, and the names, one after the other: [`number`]s, then text.
    list: Option<Arc<str>>,
}

/// The letters of a number: seven bits each, the lowest first, so that they are text like the names.
const DIGITS: usize = 4;

/// What does not fit in four letters, 256 MiB of names, cannot come out of a token of 48 KiB; whoever builds such a list
/// gets a short one.
const LARGEST: usize = (1 << (7 * DIGITS)) - 1;

fn number(letters: &[u8]) -> usize {
    letters.iter().rev().fold(0, |number, letter| number << 7 | usize::from(*letter))
}

fn letters(number: usize) -> impl Iterator<Item = char> {
    // The mask leaves seven bits, which fit.
    (0..DIGITS).map(move |n| char::from(u8::try_from(number >> (7 * n) & 0x7f).unwrap_or_default()))
}

impl Names {
    /// The names in the order given, doubles included.
    #[must_use]
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<S> = names.into_iter().collect();
        Self::of(names.iter().map(AsRef::as_ref))
    }

    /// The same for names that are at hand already.
    pub(crate) fn of<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Self {
        thread_local! {
            // Where lists are put together: their own memory is then of the right size, and the only one asked for.
            static DRAFT: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let ends = names.clone().scan(0_usize, |end, name| {
            *end = end.saturating_add(name.len());
            (*end <= LARGEST).then_some(*end)
        });
        let count = ends.clone().count().min(LARGEST);
        if count == 0 {
            return Self::default();
        }
        DRAFT.with_borrow_mut(|draft| {
            draft.clear();
            draft.extend(letters(count));
            ends.take(count).for_each(|end| draft.extend(letters(end)));
            draft.extend(names.take(count));
            Self { list: Some(Arc::from(draft.as_str())) }
        })
    }

    /// Where each name ends, and the names.
    fn parts(&self) -> (impl ExactSizeIterator<Item = usize>, &str) {
        let parts = self.list.as_deref().and_then(|list| {
            let (count, _) = list.as_bytes().split_at_checked(DIGITS)?;
            let (numbers, text) = list.split_at_checked(DIGITS * (number(count) + 1))?;
            Some((numbers.as_bytes().get(DIGITS..)?, text))
        });
        let (ends, text) = parts.unwrap_or_default();
        (ends.chunks_exact(DIGITS).map(number), text)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts().0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_none()
    }

    /// In the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (ends, text) = self.parts();
        let mut start = 0;
        ends.filter_map(move |end| {
            let name = text.get(start..end);
            start = end;
            name
        })
    }

    /// Whether `name` is among them; case matters.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let (mut ends, text) = self.parts();
        let mut start = 0;
        // The length first: most are told apart by it, without looking at the text.
        ends.any(|end| {
            let have = start..end;
            start = end;
            have.len() == name.len() && text.as_bytes().get(have) == Some(name.as_bytes())
        })
    }

    /// In alphabetical order (by code point), each once.
    #[must_use]
    pub fn sorted(&self) -> Vec<&str> {
        let mut names = Vec::with_capacity(self.len());
        names.extend(self.iter());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// As owned strings, for an error to keep.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self::new(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went_in() {
        let names = Names::new(["b", "", "ä", "b"]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["b", "", "ä", "b"]);
        assert_eq!(names.sorted(), ["", "b", "ä"]);
        assert!(names.contains("ä") && names.contains("") && !names.contains("B"));
        assert_eq!((names.len(), format!("{names:?}")), (4, r#"["b", "", "ä", "b"]"#.to_owned()));
        assert_eq!(names.to_vec().len(), 4);
    }

    #[test]
    fn lists_of_any_length_are_read_as_they_were_written() {
        for count in [1, 127, 128, 129, 20_000] {
            let names: Vec<String> = (0..count).map(|n| format!("{n:0>9}")).collect();
            let list = Names::new(&names);
            assert!(list.iter().eq(names.iter().map(String::as_str)), "{count}");
            assert_eq!(list.len(), count);
            assert!(list.contains(&names[count - 1]) && !list.contains("00000000x"), "{count}");
        }
        assert_eq!(number(&letters(LARGEST).map(|letter| letter as u8).collect::<Vec<_>>()), LARGEST);
    }

    #[test]
    fn no_names_hold_nothing_not_even_the_empty_name() {
        let none = Names::new(Vec::<String>::new());
        assert!(none.is_empty() && !none.contains(""));
        assert_eq!(none, Names::default());
    }
}
