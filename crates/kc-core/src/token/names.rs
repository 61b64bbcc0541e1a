//! A few names in one piece of memory.

use std::fmt;
use std::sync::Arc;

/// A list of names, such as roles or audiences: two pieces of memory however many there are, cheap to clone.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Names {
    text: Option<Arc<str>>,
    ends: Option<Arc<[u32]>>,
}

impl Names {
    /// The names in the order given, doubles included.
    #[must_use]
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut text = String::new();
        let mut ends = Vec::new();
        for name in names {
            text.push_str(name.as_ref());
            // A list of more than 4 GiB cannot come out of a token of 48 KiB; whoever builds one gets a short list.
            let Ok(end) = u32::try_from(text.len()) else { break };
            ends.push(end);
        }
        if ends.is_empty() {
            Self::default()
        } else {
            Self { text: Some(text.into()), ends: Some(ends.into()) }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.as_ref().map_or(0, |ends| ends.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let text = self.text.as_deref().unwrap_or_default();
        let mut start = 0;
        self.ends.as_deref().unwrap_or_default().iter().filter_map(move |end| {
            let name = text.get(start..*end as usize);
            start = *end as usize;
            name
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
        let mut names: Vec<&str> = self.iter().collect();
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
