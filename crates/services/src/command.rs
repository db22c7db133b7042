//! Programs that are run for a moment, such as `psql`.

use std::process::{Output, Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::Error;

/// Runs a program with `input` as its standard input, and returns what it wrote. Its process ends if the caller stops
/// waiting.
pub(crate) async fn run(command: &mut Command, input: &str) -> Result<String, Error> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let result = async {
        let mut child = command
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipe = child.stdin.take();
        let write = async {
            if let Some(mut pipe) = pipe {
                // A program that fails early does not read its input; how it ends tells why.
                pipe.write_all(input.as_bytes()).await.ok();
            }
        };
        tokio::join!(write, child.wait_with_output()).1
    };
    let Output { status, stdout, stderr } = result.await.map_err(Error::io(&name))?;
    let output = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(output);
    }
    Err(Error::Command { command: name, output: format!("{output}{}", String::from_utf8_lossy(&stderr)) })
}
