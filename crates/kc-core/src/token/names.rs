//! A few names in one piece of memory.

use std::fmt;
use std::sync::Arc;

/// A list of names, such as roles or audiences: three pieces of memory however many there are, cheap to clone.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Names {
    list: Option<Arc<List>>,
}

#[derive(Eq, PartialEq)]
struct List {
    /// One after the other.
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Names {
    /// The names in the order given, doubles included.
    #[must_use]
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::with_room(names, 0, 0)
    }

    /// The same for names that are at hand already: nothing grows, and nothing is left over.
    pub(crate) fn of<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Self {
        let (count, bytes) =
            names.clone().fold((0, 0), |(count, bytes), name| (count + 1, bytes + name.len()));
        Self::with_room(names, count, bytes)
    }

    fn with_room<S: AsRef<str>>(names: impl IntoIterator<Item = S>, count: usize, bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        let mut ends = Vec::with_capacity(count);
        for name in names {
            text.push_str(name.as_ref());
            // A list of more than 4 GiB cannot come out of a token of 48 KiB; whoever builds one gets a short list.
            let Ok(end) = u32::try_from(text.len()) else { break };
            ends.push(end);
        }
        Self { list: (!ends.is_empty()).then(|| Arc::new(List { text, ends })) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.as_ref().map_or(0, |list| list.ends.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, ends) = match &self.list {
            Some(list) => (list.text.as_str(), list.ends.as_slice()),
            None => ("", &[][..]),
        };
        let mut start = 0;
        ends.iter().filter_map(move |end| {
            let name = text.get(start..*end as usize);
            start = *end as usize;
            name
        })
    }

    /// Whether `name` is among them; case matters.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let Some(list) = &self.list else { return false };
        let mut start = 0;
        // The length first: most are told apart by it, without looking at the text.
        list.ends.iter().any(|end| {
            let have = start..*end as usize;
            start = have.end;
            have.len() == name.len() && list.text.as_bytes().get(have) == Some(name.as_bytes())
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
    fn no_names_hold_nothing_not_even_the_empty_name() {
        let none = Names::new(Vec::<String>::new());
        assert!(none.is_empty() && !none.contains(""));
        assert_eq!(none, Names::default());
    }
}
