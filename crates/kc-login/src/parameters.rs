//! What comes in by a query or a form: names and values, each name once.

use std::collections::HashMap;

use url::form_urlencoded;

/// Names and values. A name that came twice has no value: nobody can say which is meant (RFC 6749 §3.1).
#[derive(Debug, Default)]
pub(crate) struct Parameters(HashMap<String, Option<String>>);

impl Parameters {
    pub(crate) fn read(text: &[u8]) -> Self {
        let mut parameters: HashMap<String, Option<String>> = HashMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            let value = value.into_owned();
            parameters.entry(name.into_owned()).and_modify(|twice| *twice = None).or_insert(Some(value));
        }
        Self(parameters)
    }

    /// The value of a parameter that came once and is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref().filter(|value| !value.is_empty())
    }

    pub(crate) fn came_twice(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_twice_has_no_value() {
        let parameters = Parameters::read(b"a=1&b=2&a=1&c=&d=x%20y+z");
        assert_eq!(parameters.get("a"), None);
        assert!(parameters.came_twice("a") && !parameters.came_twice("b") && !parameters.came_twice("z"));
        assert_eq!(
            (parameters.get("b"), parameters.get("c"), parameters.get("d")),
            (Some("2"), None, Some("x y z"))
        );
    }
}
