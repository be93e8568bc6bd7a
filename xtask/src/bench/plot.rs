//! Plots as SVG: lines over a logarithmic or a plain axis, readable on light and on dark.

use std::fmt::Write as _;

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    /// What is on the horizontal axis, and what on the vertical one.
    pub(super) points: Vec<(f64, f64)>,
}

/// What a plot shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// What is on the horizontal axis.
    pub(super) across: &'a str,
    /// Whether the horizontal axis shows powers of ten.
    pub(super) log: bool,
}

const WIDTH: f64 = 700.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;

/// Colours that differ in brightness too, and stand out from white as from black.
const COLOURS: [&str; 4] = ["#2a78d6", "#c2590a", "#1a8f5a", "#9457c9"];

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}\
     .title{font-size:14px;font-weight:600}.grid{stroke:#8884;stroke-width:1}\
     .back{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#ddd}.back{fill:#0d1117}}";

impl Plot<'_> {
    /// The plot as a file.
    pub(super) fn draw(&self, lines: &[Line]) -> String {
        let points = || lines.iter().flat_map(|line| &line.points);
        let place = |x: f64| if self.log { x.log10() } else { x };
        let first = points().map(|(x, _)| place(*x)).fold(f64::MAX, f64::min);
        let last = points().map(|(x, _)| place(*x)).fold(f64::MIN, f64::max);
        let most = points().map(|(_, y)| *y).fold(0.0, f64::max);
        let step = step(most);
        let top = (most / step).ceil().max(1.0) * step;
        let (wide, high) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let at_x = |x: f64| LEFT + (place(x) - first) / (last - first).max(1e-9) * wide;
        let at_y = |y: f64| TOP + high - y / top * high;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" aria-label=\"{title}\"><style>{STYLE}</style>\n\
             <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"22\">{title}</text>\n",
            title = self.title
        );
        let mut height = 0.0;
        while height <= top + step / 2.0 {
            let (y, end) = (at_y(height), LEFT + wide);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{end:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                short(height)
            );
            height += step;
        }
        let mut places: Vec<f64> = points().map(|(x, _)| *x).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        // Names would run into each other.
        let mut written = f64::MIN;
        for x in places {
            if at_x(x) - written >= 30.0 {
                written = at_x(x);
                let _ = writeln!(
                    svg,
                    "<text x=\"{written:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    HEIGHT - BOTTOM + 18.0,
                    short(x)
                );
            }
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            LEFT + wide / 2.0,
            HEIGHT - 10.0,
            self.across
        );
        let mut labels = labels(lines, at_y).into_iter();
        for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let coordinates = line.points.iter().map(|(x, y)| (at_x(*x), at_y(*y)));
            let path: Vec<String> = coordinates
                .clone()
                .map(|(x, y)| format!("{x:.1} {y:.1}"))
                .collect();
            let _ = writeln!(
                svg,
                "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" d=\"M{}\"/>",
                path.join("L")
            );
            for (x, y) in coordinates {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT + wide + 14.0,
                labels.clone().next().unwrap_or(TOP) - 4.0,
                LEFT + wide + 22.0,
                labels.next().unwrap_or(TOP),
                line.name
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Where the name of each line stands: at its end, but never over another.
fn labels(lines: &[Line], at_y: impl Fn(f64) -> f64) -> Vec<f64> {
    let ends = lines
        .iter()
        .map(|line| line.points.last().map_or(0.0, |(_, y)| *y));
    let mut ends: Vec<(usize, f64)> = ends.map(|y| at_y(y) + 4.0).enumerate().collect();
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut least = TOP;
    for (_, y) in &mut ends {
        *y = y.max(least);
        least = *y + 16.0;
    }
    ends.sort_by_key(|(line, _)| *line);
    ends.into_iter().map(|(_, y)| y).collect()
}

/// A round distance between lines of the grid, of which there are about five.
fn step(most: f64) -> f64 {
    let rough = (most / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = steps.into_iter().find(|step| step * power >= rough);
    fits.unwrap_or(10.0) * power
}

/// A number in few characters.
fn short(number: f64) -> String {
    let (number, unit) = match number {
        number if number >= 1e6 => (number / 1e6, "M"),
        number if number >= 1e4 => (number / 1e3, "k"),
        number => (number, ""),
    };
    let text = format!("{number:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_round_and_names_short() {
        assert_eq!([step(1234.0), step(48.0)].map(short), ["250", "10"]);
        assert_eq!(
            [1e7, 25e3, 1e3, 1.5].map(short),
            ["10M", "25k", "1000", "1.5"]
        );
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_touch() {
        let line = |end: f64| Line {
            name: String::new(),
            points: vec![(1.0, end)],
        };
        let lines = [line(5.0), line(5.1), line(50.0)];
        let labels = labels(&lines, |y| 200.0 - y);
        assert!(labels[0] - labels[1] >= 16.0, "{labels:?}");
    }
}
