//! Who is kept out, and a button to let them in again.

use super::{Html, ROWS, View, cell, code, number, table};
use crate::config::Span;
use crate::control::BlockEntry;

pub(super) fn show(html: &mut Html, view: &View, continued: bool, done: Option<&str>) {
    html.raw("<section id=\"blocks\" aria-labelledby=\"h-blocks\"><h2 id=\"h-blocks\">Blocks</h2>");
    if let Some((said, good)) = done.and_then(word) {
        html.raw(if good {
            "<p class=\"notice\" role=\"status\">"
        } else {
            "<p class=\"notice bad\" role=\"status\">"
        });
        html.raw(said).raw("</p>");
    }
    match &view.blocks {
        None => {
            html.raw("<p>Not known while the store does not answer.</p>");
        }
        Some(blocks) if blocks.is_empty() => {
            html.raw(if continued {
                "<p>There are no more. <a href=\"/#blocks\">The first ones</a></p>"
            } else {
                "<p>Nobody is blocked.</p>"
            });
        }
        Some(blocks) => {
            let columns = ["Block", "Rule", "Who", "Counted", "Ends in", "Release"];
            table(html, "Blocks in force", &columns, |html| {
                for block in blocks {
                    row(html, block, &view.form);
                }
            });
            if let Some(last) = blocks.last().filter(|_| blocks.len() >= ROWS) {
                html.raw("<p><a href=\"/?after=").text(&last.id);
                html.raw("#blocks\">More blocks</a></p>");
            }
        }
    }
    html.raw("</section>");
}

fn row(html: &mut Html, block: &BlockEntry, form: &str) {
    let who = block.who();
    html.raw("<tr>");
    code(html, &block.id);
    code(html, &block.rule);
    cell(html, &who);
    // Whoever is blocked by hand was not counted.
    if block.is_by_hand() {
        number(html, "–");
    } else {
        number(html, block.count);
    }
    let left = block
        .seconds_left
        .map(|seconds| Span::seconds(seconds).to_string());
    cell(html, left.as_deref().unwrap_or("when released"));
    html.raw("<td><form method=\"post\" action=\"/release\"><input type=\"hidden\" name=\"form\" value=\"")
        .text(form)
        .raw("\"><input type=\"hidden\" name=\"id\" value=\"")
        .text(&block.id)
        .raw("\"><button class=\"act\">Release<span class=\"unseen\"> ")
        .text(&who)
        .raw(", block ")
        .text(&block.id)
        .raw("</span></button></form></td></tr>");
}

/// What came of a form, by the word in the address; whoever makes one up can only say one of these.
fn word(done: &str) -> Option<(&'static str, bool)> {
    Some(match done {
        "released" => ("The block is released.", true),
        "gone" => ("There was no such block any more.", true),
        "failed" => ("The store does not answer: nothing was released.", false),
        "stale" => ("The page was from before a restart: try again.", false),
        _ => return None,
    })
}
