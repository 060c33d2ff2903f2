//! The shapes of Azure ML's CLIP endpoints, and how a frame's rows tell what is asked.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::settings::Limits;

/// What a frame is to be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Probabilities of the first row's labels for each picture.
    ZeroShot,
    /// Embeddings of pictures and texts.
    Embeddings,
}

/// The body of `POST /score`.
#[derive(Debug, Deserialize)]
pub struct ScoreRequest {
    input_data: Frame,
    #[serde(default)]
    params: Params,
}

/// A pandas frame in "split" orientation.
#[derive(Debug, Deserialize)]
struct Frame {
    columns: Vec<Column>,
    #[serde(default, rename = "index")]
    _index: Vec<IgnoredAny>,
    data: Vec<Vec<Option<String>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Column {
    Image,
    Text,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    #[serde(default)]
    task: Option<Task>,
}

/// The answer to one row.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Score {
    /// Zero-shot classification.
    ZeroShot {
        /// Probability of each label.
        probs: Vec<f32>,
        /// The labels in the request's order.
        labels: Vec<String>,
    },
    /// Embeddings, not normalised.
    Embeddings {
        /// Of the row's image.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        image_features: Option<Vec<f32>>,
        /// Of the row's text.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        text_features: Option<Vec<f32>>,
    },
}

/// What a frame asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    ZeroShot { labels: String, images: Vec<String> },
    Embeddings { images: Vec<String>, texts: Vec<String> },
}

/// A row's cells, `None` for what is missing or `""`.
struct Row {
    image: Option<String>,
    text: Option<String>,
}

impl ScoreRequest {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.input_data.data.len()
    }

    /// What is asked; `otherwise` decides where both tasks fit and the request does not say.
    pub(super) fn into_ask(self, otherwise: Option<Task>) -> Result<Ask, Problem> {
        let asked = self.params.task;
        let rows = self.input_data.into_rows()?;
        let (zero_shot, embeddings) = (no_zero_shot(&rows), no_embeddings(&rows));
        let task = match (asked, &zero_shot, &embeddings) {
            (Some(task), ..) => task,
            (None, None, None) => otherwise.unwrap_or(Task::ZeroShot),
            (None, None, Some(_)) => Task::ZeroShot,
            (None, Some(_), _) => Task::Embeddings,
        };
        let unfit = match task {
            Task::ZeroShot => zero_shot,
            Task::Embeddings => embeddings,
        };
        match unfit {
            Some(reason) => Err(Problem::invalid(reason)),
            None => Ok(ask(task, rows)),
        }
    }
}

fn ask(task: Task, rows: Vec<Row>) -> Ask {
    let (images, texts): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.image, row.text)).unzip();
    let images = images.into_iter().flatten().collect();
    let mut texts = texts.into_iter().flatten();
    match task {
        Task::ZeroShot => Ask::ZeroShot {
            labels: texts.next().unwrap_or_default(),
            images,
        },
        Task::Embeddings => Ask::Embeddings {
            images,
            texts: texts.collect(),
        },
    }
}

impl Frame {
    fn into_rows(self) -> Result<Vec<Row>, Problem> {
        let place = |column| self.columns.iter().position(|&c| c == column);
        let (image, text) = (place(Column::Image), place(Column::Text));
        let width = self.columns.len();
        if width == 0 || width != usize::from(image.is_some()) + usize::from(text.is_some()) {
            return Err(Problem::invalid(
                "columns are \"image\" and \"text\", each at most once and at least one of them",
            ));
        }
        if self.data.is_empty() {
            return Err(Problem::invalid("there are no rows in data"));
        }
        let rows = self.data.into_iter().enumerate();
        rows.map(|(i, mut cells)| {
            if cells.len() > width {
                let (count, columns) = (cells.len(), if width == 1 { "column" } else { "columns" });
                return Err(Problem::invalid(format!(
                    "row {i} has {count} cells for {width} {columns}"
                )));
            }
            let mut cell = |place: Option<usize>| {
                let cell = place.and_then(|place| cells.get_mut(place))?.take();
                cell.filter(|text| !text.is_empty())
            };
            let row = Row {
                image: cell(image),
                text: cell(text),
            };
            match (&row.image, &row.text) {
                (None, None) => Err(Problem::invalid(format!(
                    "row {i} is empty: give an image, a text, or both"
                ))),
                _ => Ok(row),
            }
        })
        .collect()
    }
}

/// Why rows cannot be classified: they are when the first has labels and every one an image.
fn no_zero_shot(rows: &[Row]) -> Option<String> {
    if rows.first().is_none_or(|row| row.text.is_none()) {
        return Some("row 0 has no labels: its text gives them, separated by commas".into());
    }
    let i = rows.iter().position(|row| row.image.is_none())?;
    Some(format!("row {i} has no image to classify"))
}

/// Why rows cannot be embedded: they are when all have the same cells.
fn no_embeddings(rows: &[Row]) -> Option<String> {
    let kind = |row: &Row| match (&row.image, &row.text) {
        (Some(_), Some(_)) => "an image and a text",
        (Some(_), None) => "an image only",
        _ => "a text only",
    };
    let first = kind(rows.first()?);
    let i = rows.iter().position(|row| kind(row) != first)?;
    Some(format!(
        "row {i} has {} where row 0 has {first}: send rows of one kind",
        kind(&rows[i])
    ))
}

/// JSON Schema of [`ScoreRequest`], exact to what rows may hold.
pub fn schema(limits: &Limits) -> Value {
    let image = json!({"type": "string", "format": "picture", "minLength": 1,
        "description": "base64, a data URI or (where the server allows it) a URL of a JPEG, PNG, WebP, GIF or BMP"});
    let text = json!({"type": "string", "minLength": 1, "maxLength": limits.text_chars});
    let labels = json!({"type": "string", "format": "labels", "minLength": 1, "pattern": "[^,\\s]", "description": "labels, separated by commas or line breaks"});
    let any = json!({"type": ["string", "null"]});
    let absent = json!({"enum": ["", null]});
    let row = |cells: &[&Value]| {
        // A row may end after the last cell that it must have.
        let least = cells.iter().rposition(|&cell| cell != &any && cell != &absent);
        let (least, most) = (least.map_or(0, |last| last + 1), cells.len());
        json!({"type": "array", "prefixItems": cells, "items": false, "minItems": least, "maxItems": most})
    };
    let frame = |columns: &[&str], rows: Value| {
        let mut data = json!({"type": "array", "minItems": 1, "maxItems": limits.rows});
        data.as_object_mut()
            .into_iter()
            .zip(rows.as_object())
            .for_each(|(data, rows)| {
                data.extend(rows.clone());
            });
        json!({"type": "object", "required": ["columns", "data"], "properties": {
            "columns": {"const": columns}, "index": {"type": "array"}, "data": data}})
    };
    let rows = |cells: &[&Value]| json!({"items": row(cells)});
    let request = |task: &str, frames: Vec<Value>| {
        json!({"type": "object", "required": ["input_data"], "properties": {
            "input_data": {"anyOf": frames},
            "params": {"type": "object", "properties": {"task": {"enum": [task, null]}}}}})
    };
    let classified = json!({"prefixItems": [row(&[&image, &labels])], "items": row(&[&image, &any])});
    json!({"anyOf": [
        request("zero-shot", vec![frame(&["image", "text"], classified)]),
        request("embeddings", vec![
            frame(&["image", "text"], rows(&[&image, &text])),
            frame(&["image", "text"], rows(&[&image, &absent])),
            frame(&["image", "text"], rows(&[&absent, &text])),
            frame(&["image"], rows(&[&image])),
            frame(&["text"], rows(&[&text])),
        ]),
    ]})
}

#[cfg(test)]
mod tests;
