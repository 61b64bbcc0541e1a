//! What to do about a refusal, in the words of the documentation.

/// By a link in this crate's folder: a package of it holds nothing that is outside.
const ERRORS: &str = include_str!("../../errors.md");

/// The section of `docs/errors.md` about a code: without its heading, links as their text.
pub(super) fn of(code: &str) -> Option<String> {
    let heading = format!("\n## `{code}`\n");
    let (_, section) = ERRORS.split_once(&heading)?;
    let end = section.find("\n#").unwrap_or(section.len());
    let section = section.get(..end)?.trim();
    // The first paragraph is the status and what the caller hears, which has been said.
    let section = section.split_once("\n\n").map_or(section, |(_, rest)| rest);
    Some(without_links(section.trim()))
}

/// `[text](where)` becomes `text`.
fn without_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        out.push_str(before);
        match link.split_once("](").and_then(|(label, after)| Some((label, after.split_once(')')?.1))) {
            Some((label, after)) if !label.contains('\n') => {
                out.push_str(label);
                rest = after;
            }
            _ => {
                out.push('[');
                rest = link;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use kc_core::wire::Problem;

    use super::*;

    #[test]
    fn every_code_has_words_on_what_to_do() {
        for code in Problem::codes() {
            let text = of(code).unwrap_or_else(|| panic!("{code}"));
            assert!(!text.is_empty() && !text.contains("]("), "{code}: {text}");
        }
        assert_eq!(of("nothing"), None);
    }

    #[test]
    fn a_link_is_its_text_and_a_bracket_stays() {
        assert_eq!(without_links(r#"a [b](c#d) `["x"]` [e"#), r#"a b `["x"]` [e"#);
    }
}
