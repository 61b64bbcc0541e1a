//! Prometheus as a process, and what it is asked.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use test_servers::browsing::http;
use test_servers::{PATIENCE, free_port};
use url::form_urlencoded;

/// A Prometheus that scrapes one target. Killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    folder: TempDir,
    http: Client,
    url: String,
}

const MISSING: &str = "Prometheus is missing; install it on Debian or Ubuntu: apt-get install prometheus; elsewhere from \
                       prometheus.io";

impl Prometheus {
    /// Starts it with the configuration that the documentation gives, with another target and more often.
    pub async fn start(documented: &str, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = documented.replace("127.0.0.1:9464", target).replace("15s", "1s");
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        // It does not say which one it has got if it is given none.
        let address = format!("127.0.0.1:{}", free_port());
        let process = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        let prometheus = Self { process, folder, http: http(), url: format!("http://{address}") };
        let patience = Instant::now() + PATIENCE;
        while !prometheus.is_ready().await {
            assert!(Instant::now() < patience, "it does not get ready: {}", prometheus.stderr());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        prometheus
    }

    /// Waits until it has scraped the target after this moment.
    pub async fn has_scraped(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let patience = Instant::now() + PATIENCE;
        loop {
            let scraped = self.query("timestamp(up == 1)").await;
            if scraped.iter().any(|(_, at)| *at > now) {
                return;
            }
            assert!(Instant::now() < patience, "it does not scrape: {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The instant vector of an expression: labels and values.
    pub async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let result = self.try_query(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"));
        let sample = |sample: &Value| {
            let value = sample["value"][1].as_str().unwrap().parse().unwrap();
            (sample["metric"].clone(), value)
        };
        result.as_array().unwrap().iter().map(sample).collect()
    }

    /// What it answers to an expression.
    ///
    /// # Errors
    /// Why it cannot be evaluated.
    pub async fn try_query(&self, expression: &str) -> Result<Value, String> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", expression).finish();
        let answer = self.http.get(format!("{}/api/v1/query?{query}", self.url)).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].clone()),
            _ => Err(answer["error"].to_string()),
        }
    }

    async fn is_ready(&self) -> bool {
        let asked = self.http.get(format!("{}/-/ready", self.url)).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs `promtool` on a text: whether it is content, and what it says.
#[must_use]
pub fn promtool(arguments: &[&str], text: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file: &Path = &folder.path().join("checked");
    fs::write(file, text).unwrap();
    let mut command = Command::new("promtool");
    command.args(arguments);
    // Metrics are read from standard input, all else from a file.
    let output = match arguments {
        ["check", "metrics"] => command.stdin(File::open(file).unwrap()).output(),
        _ => command.arg(file).output(),
    };
    let output = output.unwrap_or_else(|error| panic!("{MISSING} ({error})"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
