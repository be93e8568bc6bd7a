//! The page: everything on one, in the order in which one looks when something is wrong.

use std::fmt;

use panoply_core::{BlockId, CounterStore as _};
use panoply_headers::HeaderInForce;

use super::desk::Desk;
use super::html::Html;
use super::recent::Refused;
use crate::control::{self, BlockEntry, Status};
use crate::reports::{CspEvidence, CspProposal};

mod blocks;
mod refusals;
mod reports;
mod standing;
mod time;
mod traffic;

use traffic::Traffic;

/// Rows of any one table; what is beyond is said, and where to find it.
const ROWS: usize = 100;

/// What is shown, gathered once.
#[derive(Debug)]
struct View {
    status: Status,
    traffic: Traffic,
    recent: Vec<Refused>,
    /// None while the store does not answer.
    blocks: Option<Vec<BlockEntry>>,
    evidence: CspEvidence,
    proposal: CspProposal,
    learning: bool,
    store: String,
    form: String,
    marks: String,
}

/// The whole page. `after` is the last block of the page of blocks before this one, `done` what came
/// of the form that was sent.
pub(super) async fn desk(
    desk: &Desk,
    after: Option<BlockId>,
    done: Option<&str>,
    has_token: bool,
) -> String {
    let view = view(desk, after).await;
    let mut html = Html::default();
    begin(&mut html);
    html.raw("<header class=\"top\"><h1>Panoply</h1><p class=\"state\">");
    lamp(
        &mut html,
        view.status.are_apps_up(),
        "app",
        &told(&view.status),
    );
    lamp(
        &mut html,
        view.status.store == "answers",
        "store",
        &view.status.store,
    );
    html.raw("</p><div class=\"acts\"><a class=\"act\" href=\"/\">Refresh</a>");
    if has_token {
        html.raw(
            "<form method=\"post\" action=\"/logout\"><button class=\"act\">Log out</button></form>",
        );
    }
    html.raw("</div></header>");
    html.raw(
        "<nav aria-label=\"Sections\"><ul><li><a href=\"#traffic\">Traffic</a><li>\
         <a href=\"#refusals\">Refusals</a><li><a href=\"#blocks\">Blocks</a><li>\
         <a href=\"#reports\">Policy reports</a><li>",
    );
    if standing::has_instances(&view) {
        html.raw("<a href=\"#app\">")
            .text(standing::title(&view))
            .raw("</a><li>");
    }
    html.raw(
        "<a href=\"#certificates\">Certificates</a><li><a href=\"#store\">Store</a></ul></nav>\
         <main id=\"main\" data-tables=\"",
    );
    html.text(&view.marks).raw("\">");
    html.raw("<p id=\"stale\" class=\"notice\" role=\"status\" hidden></p>");
    for warning in &view.status.warnings {
        html.raw("<p class=\"notice bad\">")
            .text(warning)
            .raw("</p>");
    }
    view.traffic.show(&mut html);
    refusals::show(&mut html, &view);
    blocks::show(&mut html, &view, after.is_some(), done);
    reports::show(&mut html, &view);
    standing::show(&mut html, &view);
    html.raw(
        "</main><footer><p>Numbers renew themselves every few seconds where script runs; tables when \
         the page is loaded again. The same for scrapers: <a href=\"/metrics\">/metrics</a>, \
         <a href=\"/health\">/health</a>.</p></footer><script src=\"/desk.js\" defer></script></body>\
         </html>\n",
    );
    html.into_string()
}

/// Where the token is asked for.
pub(super) fn login(problem: Option<&'static str>) -> String {
    let mut html = Html::default();
    begin(&mut html);
    html.raw("<main id=\"main\" class=\"login\"><h1>Panoply</h1><form method=\"post\" action=\"/login\">");
    if let Some(problem) = problem {
        html.raw("<p class=\"notice bad\" role=\"alert\">")
            .raw(problem)
            .raw("</p>");
    }
    html.raw(
        "<p><label for=\"token\">What <code>admin.token</code> says</label>\
         <input id=\"token\" name=\"token\" type=\"password\" required autofocus \
         autocomplete=\"current-password\"></p><p><button class=\"act main\">Come in</button></p>\
         </form></main></body></html>\n",
    );
    html.into_string()
}

/// How the apps stand, in a line: of several, each that is not up.
fn told(status: &Status) -> String {
    let routes = status
        .routes
        .iter()
        .filter(|one| !one.app.starts_with("up"));
    let down = routes.map(|one| format!("{}: {}", one.name, one.app));
    let main = Some(status.app.clone());
    let all: Vec<String> = { main.into_iter() }.chain(down).collect();
    all.join("; ")
}

/// The numbers that change, as JSON, and whether the tables would look different by now.
pub(super) async fn live(desk: &Desk) -> String {
    let status = control::status(&desk.shared, &desk.around.store).await;
    let traffic = Traffic::new(desk.numbers(), &desk.series.borrow());
    let live = serde_json::json!({
        "text": traffic.texts(),
        "minutes": traffic.minutes(),
        "lamps": {
            "app": [status.are_apps_up(), told(&status)],
            "store": [status.store == "answers", status.store],
        },
        "tables": marks(desk, &status),
    });
    live.to_string()
}

/// What changes when a table would look different.
fn marks(desk: &Desk, status: &Status) -> String {
    let newest = desk.shared.metrics.recent.newest();
    format!(
        "{} {} {}",
        newest.map(|id| id.to_string()).unwrap_or_default(),
        status.blocks.unwrap_or_default(),
        desk.around.reports.count()
    )
}

async fn view(desk: &Desk, after: Option<BlockId>) -> View {
    let (shared, around) = (&desk.shared, &desk.around);
    let live = shared.live.load_full();
    let headers = live.suit.headers().describe();
    let evidence = around.reports.evidence(shared.clock.wall());
    let proposal = CspProposal::new(&evidence, live.suit.headers(), &[]);
    let sent = |name: &str| {
        let site = |header: &HeaderInForce| header.path == "/" && header.name == name;
        headers.iter().any(site)
    };
    let blocks = around.store.blocks(after, ROWS).await;
    let status = control::status(shared, &around.store).await;
    View {
        marks: marks(desk, &status),
        status,
        traffic: Traffic::new(desk.numbers(), &desk.series.borrow()),
        recent: shared.metrics.recent.list(),
        blocks: blocks
            .ok()
            .map(|blocks| blocks.iter().map(BlockEntry::from).collect()),
        evidence,
        proposal,
        learning: sent("content-security-policy-report-only") && !sent("content-security-policy"),
        store: desk.store.clone(),
        form: desk.form.as_str().to_owned(),
    }
}

fn begin(html: &mut Html) {
    html.raw(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Panoply</title>\
         <link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/desk.css\"></head>\
         <body><a class=\"skip\" href=\"#main\">Skip to the content</a>",
    );
}

/// A state in a word, never by colour alone.
fn lamp(html: &mut Html, good: bool, name: &'static str, said: &str) {
    html.raw(if good {
        "<span class=\"lamp good\" data-lamp=\""
    } else {
        "<span class=\"lamp bad\" data-lamp=\""
    });
    html.raw(name).raw("\"><b>");
    html.raw(name).raw("</b> ").text(said).raw("</span>");
}

/// A table that scrolls by itself where it is too wide, with the keyboard too.
fn table(
    html: &mut Html,
    name: &'static str,
    columns: &[&'static str],
    rows: impl FnOnce(&mut Html),
) {
    html.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"")
        .raw(name)
        .raw("\"><table><thead><tr>");
    for column in columns {
        html.raw("<th scope=\"col\">").raw(column).raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
    rows(html);
    html.raw("</tbody></table></div>");
}

fn cell(html: &mut Html, text: impl fmt::Display) {
    html.raw("<td>").text(text).raw("</td>");
}

fn number(html: &mut Html, text: impl fmt::Display) {
    html.raw("<td class=\"n\">").text(text).raw("</td>");
}

fn code(html: &mut Html, text: impl fmt::Display) {
    html.raw("<td><code>").text(text).raw("</code></td>");
}
