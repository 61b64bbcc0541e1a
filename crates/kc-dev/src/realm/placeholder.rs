//! `${NAME:default}` in an export, which Keycloak fills from the environment when it imports a file.

use serde_json::Value;

/// Fills every placeholder in every string below `value`.
///
/// `${NAME:default}` becomes the variable or the default. `${NAME}` becomes the variable if there is one and the name is
/// spelled like one; otherwise it stays, because message keys (`${client_account}`) and claim names
/// (`resource_access.${client_id}.roles`) look the same.
pub(super) fn fill(value: &mut Value, variable: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) if text.contains("${") => *text = filled(text, variable),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, variable)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, variable)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn filled(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        done.push_str(before);
        let Some((inside, tail)) = after.split_once('}') else {
            done.push_str("${");
            rest = after;
            continue;
        };
        let replacement = match inside.split_once(':') {
            Some((name, default)) => Some(variable(name).unwrap_or_else(|| default.to_owned())),
            None if is_variable_name(inside) => variable(inside),
            None => None,
        };
        match replacement {
            Some(replacement) => done.push_str(&replacement),
            None => {
                done.push_str("${");
                done.push_str(inside);
                done.push('}');
            }
        }
        rest = tail;
    }
    done.push_str(rest);
    done
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::filled;

    fn environment(name: &str) -> Option<String> {
        (name == "SET").then(|| "value".to_owned())
    }

    #[test]
    fn a_default_is_used_when_the_variable_is_not_set() {
        assert_eq!(filled("a ${UNSET:http://h:1/x} b", &environment), "a http://h:1/x b");
        assert_eq!(filled("${SET:other}", &environment), "value");
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in ["resource_access.${client_id}.roles", "${client_account}", "${UNSET}", "${open", "plain"]
        {
            assert_eq!(filled(text, &environment), text);
        }
        assert_eq!(filled("${SET}/${client_id}", &environment), "value/${client_id}");
    }
}
