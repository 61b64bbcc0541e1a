//! What of a document has to agree, whatever made it: not the schemas, nor the version of OpenAPI.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Description {
    pub(crate) title: Value,
    pub(crate) security_schemes: Value,
    /// By path, then method.
    pub(crate) operations: Vec<Operation>,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Operation {
    pub(crate) path: String,
    /// As it is sent.
    pub(crate) method: String,
    pub(crate) id: Value,
    pub(crate) summary: Value,
    pub(crate) access: Value,
    pub(crate) security: Value,
    /// Where each is, by name, and whether it is required.
    pub(crate) parameters: BTreeMap<String, (Value, Value)>,
    /// By status.
    pub(crate) responses: BTreeMap<String, Response>,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Response {
    pub(crate) media_types: Vec<String>,
    /// Names in lower case.
    pub(crate) headers: Vec<String>,
}

impl Description {
    pub(crate) fn read(document: &Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations.push(Operation::read(path, method, operation));
            }
        }
        operations.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        let security_schemes = document["components"]["securitySchemes"].clone();
        Self { title: document["info"]["title"].clone(), security_schemes, operations }
    }
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameter = |one: &Value| {
            (one["name"].as_str().unwrap().to_owned(), (one["in"].clone(), one["required"].clone()))
        };
        let responses = operation["responses"].as_object().unwrap();
        Self {
            path: path.to_owned(),
            method: method.to_ascii_uppercase(),
            id: operation["operationId"].clone(),
            summary: operation["summary"].clone(),
            access: operation["x-kc-access"].clone(),
            security: operation["security"].clone(),
            parameters: parameters.map(parameter).collect(),
            responses: responses.iter().map(|(status, one)| (status.clone(), Response::read(one))).collect(),
        }
    }

    /// A path and query that the operation can be called by.
    pub(crate) fn example(&self) -> String {
        let path = self.path.replace("{id}", "1");
        if self.parameters.contains_key("item_name") { format!("{path}?item_name=Box") } else { path }
    }
}

impl Response {
    fn read(response: &Value) -> Self {
        let names = |member: &str| response[member].as_object().into_iter().flat_map(|object| object.keys());
        Self {
            media_types: names("content").map(|name| media_type(name)).collect(),
            headers: names("headers").map(|name| name.to_ascii_lowercase()).collect(),
        }
    }
}

/// Without the charset, which JSON has not and poem-openapi writes.
fn media_type(written: &str) -> String {
    written.split(';').next().unwrap_or(written).trim().to_owned()
}
