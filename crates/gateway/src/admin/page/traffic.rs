//! What goes through.

use super::Html;
use crate::admin::numbers::Numbers;
use crate::admin::series::{MINUTES, Sample, Series};

/// The height of the chart, in its own units.
const HEIGHT: u64 = 100;

/// The width of a minute, with the gap.
const WIDTH: usize = 10;

/// What is shown of traffic.
#[derive(Debug)]
pub(super) struct Traffic {
    numbers: Numbers,
    a_second: f64,
    minutes: Vec<Sample>,
}

impl Traffic {
    pub(super) fn new(numbers: Numbers, series: &Series) -> Self {
        Self {
            numbers,
            a_second: series.a_second(),
            minutes: series.minutes(),
        }
    }

    pub(super) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    pub(super) fn minutes(&self) -> &[Sample] {
        &self.minutes
    }

    /// Each number by the name under which script finds it.
    pub(super) fn texts(&self) -> serde_json::Value {
        let pairs = self.cards().into_iter();
        pairs
            .map(|(name, _, value)| (name.to_owned(), serde_json::Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    pub(super) fn show(&self, html: &mut Html) {
        html.raw("<section id=\"traffic\" aria-labelledby=\"h-traffic\"><h2 id=\"h-traffic\">Traffic</h2><dl class=\"cards\">");
        for (name, label, value) in self.cards() {
            html.raw("<div><dt>")
                .raw(label)
                .raw("</dt><dd data-live=\"");
            html.raw(name).raw("\">").text(value).raw("</dd></div>");
        }
        html.raw("</dl>");
        self.chart(html);
        html.raw("</section>");
    }

    fn cards(&self) -> Vec<(&'static str, &'static str, String)> {
        let numbers = &self.numbers;
        let [_, _, _, client, server] = numbers.answers;
        let [success, failure, _, abandoned] = numbers.logins;
        // Whoever does not wait for the answer has guessed all the same.
        let failure = failure + abandoned;
        let within = |percent| {
            let longest = numbers.within(percent).map(|bound| format!("≤ {bound} ms"));
            longest.unwrap_or_else(|| "–".to_owned())
        };
        vec![
            ("now", "Requests a second", format!("{:.1}", self.a_second)),
            (
                "requests",
                "Requests since the start",
                grouped(numbers.requests()),
            ),
            ("refused", "Refused", grouped(numbers.refusals())),
            ("client", "Answers 4xx", grouped(client)),
            ("server", "Answers 5xx", grouped(server)),
            (
                "connections",
                "Connections open",
                grouped(numbers.connections),
            ),
            ("median", "Half of the answers in", within(50)),
            ("slow", "95 % of them in", within(95)),
            (
                "logins",
                "Logins, failed of all",
                format!("{} / {}", grouped(failure), grouped(success + failure)),
            ),
            ("sent", "Sent", bytes(numbers.sent_bytes)),
            (
                "handshakes",
                "Handshakes failed",
                grouped(numbers.handshakes_failed),
            ),
            ("lost", "Log lines lost", grouped(numbers.log_lines_lost)),
        ]
    }

    /// A bar a minute, by class of status.
    fn chart(&self, html: &mut Html) {
        let sum = |minute: &Sample| minute.iter().sum::<u64>();
        let most = self.minutes.iter().map(sum).max().unwrap_or(0);
        let last = self.minutes.last().map_or(0, sum);
        html.raw("<figure><svg id=\"chart\" class=\"chart\" role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 ")
            .text(MINUTES * WIDTH)
            .raw(" ")
            .text(HEIGHT)
            .raw("\" aria-label=\"Requests a minute in the last hour: most ")
            .text(most)
            .raw(", in the last minute ")
            .text(last)
            .raw("\">");
        for (at, minute) in self.minutes.iter().enumerate() {
            let mut bottom = HEIGHT;
            for (class, count) in ["ok", "client", "server"].into_iter().zip(minute) {
                let height = (count * HEIGHT).checked_div(most).unwrap_or(0);
                bottom = bottom.saturating_sub(height);
                html.raw("<rect class=\"").raw(class).raw("\" x=\"");
                html.text(at * WIDTH)
                    .raw("\" width=\"8\" y=\"")
                    .text(bottom);
                html.raw("\" height=\"").text(height).raw("\"/>");
            }
        }
        html.raw(
            "</svg><figcaption>Requests a minute in the last hour, at most <b data-live=\"most\">",
        )
        .text(grouped(most))
        .raw(
            "</b>: <span class=\"key ok\">up to 3xx</span> <span class=\"key client\">4xx</span> \
             <span class=\"key server\">5xx</span></figcaption></figure>",
        );
    }
}

/// Thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut tenths = bytes.saturating_mul(10);
    let mut named = "B";
    for unit in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        named = unit;
    }
    if named == "B" {
        return format!("{bytes} B");
    }
    format!("{}.{} {named}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        let plain = |number| grouped(number).replace('\u{202f}', " ");
        assert_eq!(plain(0), "0");
        assert_eq!(plain(999), "999");
        assert_eq!(plain(1_234_567), "1 234 567");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
        assert!(bytes(u64::MAX).ends_with("PiB"));
    }
}
