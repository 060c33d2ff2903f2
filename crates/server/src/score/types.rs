//! The shapes of Azure ML's CLIP endpoints, and the task that a frame's rows ask for.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::limits::Limits;
use crate::service::ServiceError;

/// The answer that a frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Probabilities of the first row's labels for each image.
    ZeroShot,
    /// Embeddings of images and texts.
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
        /// `match` where the model judges each label by itself; absent where probabilities add up to one.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        kind: Option<&'static str>,
    },
    /// Embeddings, not normalized.
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

/// The parts of a frame that its task needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScoreTask {
    ZeroShot { labels: String, images: Vec<String> },
    Embeddings { images: Vec<String>, texts: Vec<String> },
}

/// A row's cells; `None` where one is missing or `""`.
struct Row {
    image: Option<String>,
    text: Option<String>,
}

impl Score {
    /// Count of the numbers and labels in it.
    pub fn values(&self) -> usize {
        let length = |features: &Option<Vec<f32>>| features.as_ref().map_or(0, Vec::len);
        match self {
            Self::ZeroShot { probs, labels, .. } => probs.len() + labels.len(),
            Self::Embeddings {
                image_features,
                text_features,
            } => length(image_features) + length(text_features),
        }
    }
}

impl ScoreRequest {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.input_data.data.len()
    }

    /// The task that is asked for; `otherwise` decides where both fit and the request does not say.
    pub(super) fn into_task(self, otherwise: Option<Task>) -> Result<ScoreTask, ServiceError> {
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
            Some(reason) => Err(ServiceError::invalid(reason)),
            None => Ok(task_of(task, rows)),
        }
    }
}

fn task_of(task: Task, rows: Vec<Row>) -> ScoreTask {
    let (images, texts): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.image, row.text)).unzip();
    let images = images.into_iter().flatten().collect();
    let mut texts = texts.into_iter().flatten();
    match task {
        Task::ZeroShot => ScoreTask::ZeroShot {
            labels: texts.next().unwrap_or_default(),
            images,
        },
        Task::Embeddings => ScoreTask::Embeddings {
            images,
            texts: texts.collect(),
        },
    }
}

impl Frame {
    fn into_rows(self) -> Result<Vec<Row>, ServiceError> {
        let place = |column| self.columns.iter().position(|&c| c == column);
        let (image, text) = (place(Column::Image), place(Column::Text));
        let width = self.columns.len();
        if width == 0 || width != usize::from(image.is_some()) + usize::from(text.is_some()) {
            return Err(ServiceError::invalid(
                "columns are \"image\" and \"text\", each at most once and at least one of them",
            ));
        }
        if self.data.is_empty() {
            return Err(ServiceError::invalid("there are no rows in data"));
        }
        let rows = self.data.into_iter().enumerate();
        rows.map(|(i, mut cells)| {
            if cells.len() > width {
                let (count, columns) = (cells.len(), if width == 1 { "column" } else { "columns" });
                return Err(ServiceError::invalid(format!(
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
                (None, None) => Err(ServiceError::invalid(format!(
                    "row {i} is empty: give an image, a text, or both"
                ))),
                _ => Ok(row),
            }
        })
        .collect()
    }
}

/// The reason why rows cannot be classified: they can when the first has labels and every one an image.
fn no_zero_shot(rows: &[Row]) -> Option<String> {
    if rows.first().is_none_or(|row| row.text.is_none()) {
        return Some("row 0 has no labels: its text gives them, separated by commas".into());
    }
    let i = rows.iter().position(|row| row.image.is_none())?;
    Some(format!("row {i} has no image to classify"))
}

/// The reason why rows cannot be embedded: they can when all have the same cells.
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
    let image = json!({"type": "string", "format": "image", "minLength": 1,
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
