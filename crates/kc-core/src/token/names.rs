//! A few names in one piece of memory.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

/// A list of names, such as roles or audiences: one piece of memory however many there are, cheap to clone.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Names {
    /// The names, one after the other, each behind a letter that says how long it is.
    list: Option<Arc<str>>,
}

/// The letter for a length in bytes: the one with that number, most often a single byte.
///
/// Numbers between stand for no letter (they are UTF-16's surrogates) and are left out. From 1,112,064 bytes on there is
/// none at all; neither a token nor an answer that is read may be half as long.
fn letter(length: usize) -> Option<char> {
    let number = u32::try_from(length).ok()?;
    char::from_u32(if number < FIRST_SURROGATE { number } else { number.saturating_add(SURROGATES) })
}

fn length(letter: char) -> usize {
    let number = u32::from(letter);
    let length = if number < FIRST_SURROGATE { number } else { number.saturating_sub(SURROGATES) };
    length as usize
}

const FIRST_SURROGATE: u32 = 0xd800;
const SURROGATES: u32 = 0x800;

impl Names {
    /// The names in the order given, doubles included. One of a megabyte and more is left out.
    #[must_use]
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        thread_local! {
            // Where lists are put together: their own memory is then of the right size, and the only one asked for.
            static DRAFT: Cell<String> = const { Cell::new(String::new()) };
        }
        // Taken, not borrowed: whoever gives the names may make lists, too.
        let mut draft = DRAFT.take();
        draft.clear();
        for name in names {
            let name = name.as_ref();
            if let Some(letter) = letter(name.len()) {
                draft.push(letter);
                draft.push_str(name);
            }
        }
        let list = (!draft.is_empty()).then(|| Arc::from(draft.as_str()));
        DRAFT.set(draft);
        Self { list }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_none()
    }

    /// In the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.list.as_deref().unwrap_or_default();
        std::iter::from_fn(move || {
            let mut letters = rest.chars();
            let length = length(letters.next()?);
            let (name, others) = letters.as_str().split_at_checked(length)?;
            rest = others;
            Some(name)
        })
    }

    /// Whether `name` is among them; case matters.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|have| have == name)
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
    fn names_of_any_length_come_back() {
        for length in [1, 127, 128, 2_047, 2_048, 0xd7ff, 0xd800, 0xe000, 0xffff, 0x1_0000, 1_112_063] {
            let names = ["a", &"b".repeat(length), "c"];
            assert!(Names::new(names).iter().eq(names), "{length}");
        }
        let names = ["a", &"b".repeat(1_112_064), "c"];
        assert!(Names::new(names).iter().eq(["a", "c"]));
    }

    #[test]
    fn names_that_are_made_while_others_are_stay_apart() {
        let inner = ["b", "c"].map(|name| Names::new([name, "d"]).iter().collect::<String>());
        assert_eq!(inner, ["bd", "cd"]);
        let outer =
            Names::new(["a", "e"].iter().map(|name| Names::new([name, "d"]).iter().collect::<String>()));
        assert_eq!(outer.to_vec(), ["ad", "ed"]);
    }

    #[test]
    fn no_names_hold_nothing_not_even_the_empty_name() {
        let none = Names::new(Vec::<String>::new());
        assert!(none.is_empty() && !none.contains(""));
        assert_eq!(none, Names::default());
    }
}
