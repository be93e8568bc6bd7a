//! A visit: a page, with the redirects that lead to it and the cookies that are set on the way.

use http::header::COOKIE;
use url::Url;

use super::client::{Answer, Client, Failure, Question};
use super::jar::Jar;

/// Who redirects more often goes in circles.
const MOST_REDIRECTS: usize = 10;

/// A page, and how one got there.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Where it began.
    pub(crate) start: Url,
    /// Every answer on the way, the page last; never empty.
    answers: Vec<Answer>,
    pub(crate) jar: Jar,
}

impl Visit {
    /// Goes to an address and wherever that leads.
    pub(crate) async fn begin(client: &Client, start: &Url) -> Result<Self, Failure> {
        let mut jar = Jar::default();
        let mut answers = Vec::new();
        let mut url = start.clone();
        loop {
            let answer = with_cookies(client, &mut jar, Question::page(&url)).await?;
            let next = answer.redirect();
            answers.push(answer);
            match next {
                Some(next) if answers.len() <= MOST_REDIRECTS => {
                    url = next.map_err(|_| Failure::Address)?;
                }
                _ => break,
            }
        }
        let start = start.clone();
        Ok(Self {
            start,
            answers,
            jar,
        })
    }

    /// The page at the end.
    pub(crate) fn page(&self) -> &Answer {
        let last = self.answers.last();
        #[expect(clippy::expect_used, reason = "`begin` ends with an answer or fails")]
        last.expect("a visit has an answer")
    }

    /// Every answer on the way, the page last.
    pub(crate) fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// Whether every server on the way was the one that was meant.
    pub(crate) fn is_verified(&self) -> bool {
        self.answers.iter().all(Answer::is_verified)
    }
}

/// Asks with the cookies of a jar, and keeps what is set.
pub(crate) async fn with_cookies(
    client: &Client,
    jar: &mut Jar,
    mut question: Question,
) -> Result<Answer, Failure> {
    if let Some(cookies) = jar.header(&question.url) {
        question = question.header(COOKIE, &cookies);
    }
    let answer = client.ask(question).await?;
    for line in answer.headers.get_all(http::header::SET_COOKIE) {
        jar.keep(line.as_bytes(), &answer.url);
    }
    Ok(answer)
}
