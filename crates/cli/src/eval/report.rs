//! The figures of an evaluation: counted, then printed.

use std::collections::BTreeMap;

use cliplet::Error;
use cliplet::zero_shot::PromptTemplate;
use serde::Serialize;

use crate::output::{Format, csv_line, json_array, json_line, percent};
use crate::terminal;

/// Confusions listed in a table.
const LISTED_CONFUSIONS: usize = 20;

/// Counts of one class.
#[derive(Default)]
struct Class {
    folder: String,
    label: String,
    images: usize,
    /// Images whose best label is right.
    top1: usize,
    /// Images whose right label is among the best five.
    top5: usize,
    unreadable: usize,
}

/// Counts of a data set.
pub struct Report {
    dataset: String,
    templates: Vec<String>,
    classes: Vec<Class>,
    /// Number of confusions of each pair (true, predicted).
    confused: BTreeMap<(usize, usize), usize>,
}

/// The figures as JSON gives them; rates are fractions.
#[derive(Serialize)]
struct Figures<'a> {
    dataset: &'a str,
    templates: &'a [String],
    /// Images that could be read.
    images: usize,
    top1: f64,
    top5: f64,
    /// Mean over classes of their top-1.
    mean_per_class: f64,
    per_class: Vec<PerClass<'a>>,
    /// Most frequent first.
    confusions: Vec<Confusion<'a>>,
    unreadable: usize,
}

#[derive(Serialize)]
struct PerClass<'a> {
    class: &'a str,
    label: &'a str,
    images: usize,
    top1: f64,
    top5: f64,
    unreadable: usize,
}

#[derive(Serialize)]
struct Confusion<'a> {
    label: &'a str,
    predicted: &'a str,
    count: usize,
}

fn rate(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Report {
    /// Counts nothing yet.
    pub fn new(dataset: &str, templates: &[PromptTemplate], folders: &[String], labels: &[String]) -> Self {
        let named = folders.iter().zip(labels);
        let class = |(folder, label): (&String, &String)| Class {
            folder: folder.clone(),
            label: label.clone(),
            ..Class::default()
        };
        Self {
            dataset: dataset.into(),
            templates: templates.iter().map(|t| t.as_str().to_string()).collect(),
            classes: named.map(class).collect(),
            confused: BTreeMap::new(),
        }
    }

    /// Counts one image of `class` whose best labels are `best`.
    pub fn count(&mut self, class: usize, best: &[usize]) {
        let counts = &mut self.classes[class];
        counts.images += 1;
        counts.top1 += usize::from(best.first() == Some(&class));
        counts.top5 += usize::from(best.contains(&class));
        if let Some(&predicted) = best.first().filter(|&&predicted| predicted != class) {
            *self.confused.entry((class, predicted)).or_default() += 1;
        }
    }

    /// Counts one image of `class` that could not be read.
    pub fn unreadable(&mut self, class: usize) {
        self.classes[class].unreadable += 1;
    }

    fn figures(&self) -> Figures<'_> {
        let sum = |of: fn(&Class) -> usize| self.classes.iter().map(of).sum::<usize>();
        let images = sum(|c| c.images);
        let seen: Vec<_> = self.classes.iter().filter(|c| c.images > 0).collect();
        let mut confusions: Vec<_> = self
            .confused
            .iter()
            .map(|(&(class, predicted), &count)| Confusion {
                label: &self.classes[class].label,
                predicted: &self.classes[predicted].label,
                count,
            })
            .collect();
        confusions.sort_by_key(|c| std::cmp::Reverse(c.count));
        Figures {
            dataset: &self.dataset,
            templates: &self.templates,
            images,
            top1: rate(sum(|c| c.top1), images),
            top5: rate(sum(|c| c.top5), images),
            mean_per_class: seen.iter().map(|c| rate(c.top1, c.images)).sum::<f64>()
                / seen.len().max(1) as f64,
            per_class: self.classes.iter().map(PerClass::of).collect(),
            confusions,
            unreadable: sum(|c| c.unreadable),
        }
    }
}

/// Prints the figures of one data set with its classes, or of several a line each.
pub fn print(reports: &[Report], format: Format) -> Result<(), Error> {
    let figures: Vec<_> = reports.iter().map(Report::figures).collect();
    match (&figures[..], format) {
        ([one], Format::Json | Format::Jsonl) => terminal::print(&json_line(one)?),
        ([one], Format::Csv) => terminal::print(&one.csv()?),
        ([one], Format::Table) => terminal::print(&one.table()),
        (all, Format::Json) => terminal::print(&json_array(all)?),
        (all, Format::Jsonl) => all.iter().try_for_each(|one| terminal::print(&json_line(one)?)),
        (all, Format::Csv) => terminal::print(&several_csv(all)?),
        (all, Format::Table) => terminal::print(&several_table(all)),
    }
}

/// A line for each data set.
fn several_csv(all: &[Figures]) -> Result<String, Error> {
    let row = |f: &Figures| {
        csv_line([
            f.dataset.to_string(),
            f.images.to_string(),
            f.top1.to_string(),
            f.top5.to_string(),
            f.mean_per_class.to_string(),
            f.unreadable.to_string(),
        ])
    };
    let rows = all.iter().map(row).collect::<Result<String, _>>()?;
    Ok(format!(
        "dataset,images,top1,top5,mean_per_class,unreadable\n{rows}"
    ))
}

/// A table with a line for each data set.
fn several_table(all: &[Figures]) -> String {
    let widths = all.iter().map(|f| f.dataset.chars().count());
    let width = widths.max().unwrap_or(0).max(7);
    let mut text = format!(
        "{:width$}  images  templates    top-1    top-5  mean per class\n",
        "dataset"
    );
    for f in all {
        text += &format!(
            "{:width$}  {:>6}  {:>9}  {:>7}  {:>7}  {:>14}\n",
            f.dataset,
            f.images,
            f.templates.len(),
            percent(f.top1),
            percent(f.top5),
            percent(f.mean_per_class)
        );
    }
    text
}

impl<'a> PerClass<'a> {
    fn of(class: &'a Class) -> Self {
        Self {
            class: &class.folder,
            label: &class.label,
            images: class.images,
            top1: rate(class.top1, class.images),
            top5: rate(class.top5, class.images),
            unreadable: class.unreadable,
        }
    }
}

impl Figures<'_> {
    fn csv(&self) -> Result<String, Error> {
        let row = |c: &PerClass| {
            csv_line([
                c.class.to_string(),
                c.label.to_string(),
                c.images.to_string(),
                c.top1.to_string(),
                c.top5.to_string(),
                c.unreadable.to_string(),
            ])
        };
        let rows = self.per_class.iter().map(row).collect::<Result<String, _>>()?;
        Ok(format!("class,label,images,top1,top5,unreadable\n{rows}"))
    }

    fn table(&self) -> String {
        let width = self
            .per_class
            .iter()
            .map(|c| c.label.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        let mut text = format!("{:width$}  images    top-1    top-5\n", "class");
        for c in &self.per_class {
            text += &format!(
                "{:width$}  {:>6}  {:>7}  {:>7}\n",
                c.label,
                c.images,
                percent(c.top1),
                percent(c.top5)
            );
        }
        let (top1, top5) = (percent(self.top1), percent(self.top5));
        text += &format!("{:width$}  {:>6}  {top1:>7}  {top5:>7}\n", "all", self.images);
        text += &format!(
            "mean per class {}, unreadable {}\n",
            percent(self.mean_per_class),
            self.unreadable
        );
        if !self.confusions.is_empty() {
            text += "\nmost confused\n";
        }
        for c in self.confusions.iter().take(LISTED_CONFUSIONS) {
            text += &format!("{:>4} × {} taken for {}\n", c.count, c.label, c.predicted);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_counts_the_same_in_the_mean_however_many_images_it_has() {
        let classes = ["a", "b", "c", "d", "e", "f"].map(String::from);
        let mut report = Report::new("uneven", &[], &classes, &classes);
        for _ in 0..3 {
            report.count(0, &[0, 1, 2, 3, 4]);
        }
        report.count(0, &[5, 1, 2, 3, 4]);
        report.count(1, &[0, 2, 1, 3, 4]);
        report.unreadable(2);
        let figures = report.figures();
        assert_eq!((figures.images, figures.unreadable), (5, 1));
        assert_eq!((figures.top1, figures.top5), (3.0 / 5.0, 4.0 / 5.0));
        // Of the two classes that have images.
        assert_eq!(figures.mean_per_class, (3.0 / 4.0 + 0.0) / 2.0);
        let rates: Vec<_> = figures.per_class.iter().map(|c| (c.top1, c.top5)).collect();
        assert_eq!(rates[..3], [(0.75, 0.75), (0.0, 1.0), (0.0, 0.0)]);
        let confused = figures.confusions.iter().map(|c| (c.label, c.predicted, c.count));
        assert_eq!(confused.collect::<Vec<_>>(), [("a", "f", 1), ("b", "a", 1)]);
    }
}
