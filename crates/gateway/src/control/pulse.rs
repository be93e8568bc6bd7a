//! Whether anybody answers at a socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;

use super::SOCKET;
use super::message::{Ask, Said, ask_once};

/// Asks at a socket, again and again.
#[derive(Debug)]
pub(crate) struct Pulse(PathBuf);

/// What comes of asking once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Somebody is there, and so are all of the workers.
    Answered,
    /// Whoever listens there says nothing, or that a worker is stuck.
    Silent,
    /// Nobody listens there, or they broke off: nobody hangs.
    Nobody,
}

/// Longest for an answer. A store is not asked for it.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often in a row nobody has to answer: a machine that stood still for a while is asked once in vain.
const SILENCES: u32 = 2;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);

impl Pulse {
    /// Of the gateway that runs on this state directory.
    pub(crate) fn of(state: &Path) -> Self {
        Self(state.join(SOCKET))
    }

    /// Resolves once whoever listens there hangs.
    pub(crate) async fn stops(&self) {
        let mut silences = 0;
        while silences < SILENCES {
            match self.beat().await {
                Beat::Silent => silences += 1,
                Beat::Answered | Beat::Nobody => {
                    silences = 0;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Resolves once anybody has answered who is there, or has been asked often enough.
    pub(crate) async fn heard(&self) {
        for _ in 0..=SILENCES {
            if self.beat().await != Beat::Silent {
                return;
            }
        }
    }

    /// Resolves once somebody answers.
    pub(crate) async fn begins(&self) {
        while self.beat().await != Beat::Answered {
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn beat(&self) -> Beat {
        match tokio::time::timeout(PATIENCE, self.ask()).await {
            // An older program does not know the question, and answers that.
            Ok(Ok(line)) if line.ends_with('\n') => match serde_json::from_str(&line) {
                Ok(Said::Stuck) => Beat::Silent,
                _ => Beat::Answered,
            },
            Ok(_) => Beat::Nobody,
            Err(_) => Beat::Silent,
        }
    }

    async fn ask(&self) -> io::Result<String> {
        let stream = loop {
            match UnixStream::connect(&self.0).await {
                // As many wait there already as there is room for.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(PAUSE).await;
                }
                connected => break connected?,
            }
        };
        ask_once(stream, &Ask::Pulse).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::UnixListener;

    use super::*;

    /// Answers what it is asked with the lines, one after the other; none is no answer at all.
    fn answers(listener: UnixListener, lines: Vec<Option<&'static str>>) {
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for line in lines {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = String::new();
                BufReader::new(&mut stream)
                    .read_line(&mut asked)
                    .await
                    .unwrap();
                assert_eq!(asked, "\"pulse\"\n");
                if let Some(line) = line {
                    stream.write_all(line.as_bytes()).await.unwrap();
                } else {
                    kept.push(stream);
                }
            }
            std::future::pending::<()>().await;
            drop((listener, kept));
        });
    }

    #[tokio::test(start_paused = true)]
    async fn who_hangs_is_told_from_who_is_late_old_or_gone() {
        let state = tempfile::tempdir().unwrap();
        let pulse = Pulse::of(state.path());
        assert_eq!(pulse.beat().await, Beat::Nobody);
        let listener = UnixListener::bind(state.path().join(SOCKET)).unwrap();
        let unknown = "{\"failed\":{\"why\":\"this gateway does not know what is asked\"}}\n";
        let said = [
            (Some("\"alive\"\n"), Beat::Answered),
            (Some(unknown), Beat::Answered),
            (Some("\"stuck\"\n"), Beat::Silent),
            (Some(""), Beat::Nobody),
            (None, Beat::Silent),
        ];
        answers(listener, said.map(|(line, _)| line).to_vec());
        for (line, beat) in said {
            assert_eq!(pulse.beat().await, beat, "{line:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_is_not_enough() {
        let state = tempfile::tempdir().unwrap();
        let pulse = Pulse::of(state.path());
        let listener = UnixListener::bind(state.path().join(SOCKET)).unwrap();
        let alive = Some("\"alive\"\n");
        answers(listener, vec![None, alive, None, alive, None, None]);
        let begun = tokio::time::Instant::now();
        pulse.stops().await;
        let took = begun.elapsed();
        assert!(took >= 4 * PATIENCE, "{took:?}");
    }
}
