//! Rows of a Parquet file. Its images are text (a path, a data URI or base64), bytes, or structures of `bytes` and `path`
//! as Hugging Face's data sets have them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use cliplet::Error;
use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, reader::RowIter};
use parquet::schema::types::Type;
use serde_json::Value;

use super::columns::{ColumnOptions, Role};
use super::panics::caught;
use super::parquet_file::ParquetFile;
use super::parquet_pages::CheckedFile;
use super::row::{Content, Row, RowImage, Rows};

/// Values of a column decoded at a time: each may be an image.
const DECODED_AT_ONCE: usize = 16;

/// The rows of a file and their number.
///
/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Input`] where its columns are not those of a batch.
pub fn rows(path: &Path, columns: &ColumnOptions) -> Result<(Rows, u64), Error> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(Error::io(path))?;
    let opened =
        caught(|| open(file, &name, columns)).unwrap_or_else(|| Err(panicked(&name, "its metadata")));
    let (mut rows, total) = opened?;
    let columns = columns.clone();
    let mut position = 0;
    let rows = std::iter::from_fn(move || {
        if position == ENDED {
            return None;
        }
        position += 1;
        let Some(row) = caught(|| rows.next()) else {
            let error = panicked(&name, &format!("row {}", position - 1));
            position = ENDED;
            return Some(Err(error));
        };
        let row = row?.map_err(|error| read_error(&name, error));
        Some(row.map(|row| Row {
            content: content(row.into_columns(), &columns),
            position,
        }))
    });
    Ok((Box::new(rows), total))
}

/// [`Row::position`] after a panic, when the reader is not used again.
const ENDED: u64 = u64::MAX;

/// The reader's rows of an open file, and their number.
fn open(file: File, name: &str, columns: &ColumnOptions) -> Result<(RowIter<'static>, u64), Error> {
    let file = ParquetFile::new(file).map_err(Error::io(name))?;
    file.check_metadata().map_err(|error| read_error(name, error))?;
    let again = file.try_clone().map_err(Error::io(name))?;
    let reader = SerializedFileReader::new(file).map_err(|error| read_error(name, error))?;
    let metadata = reader.metadata().file_metadata();
    let total = u64::try_from(metadata.num_rows()).unwrap_or_default();
    let projection = projection(metadata.schema(), columns);
    let projection = projection.map_err(|reason| Error::Input(format!("{name}: {reason}")))?;
    let rows = RowIter::from_file_into(Box::new(CheckedFile::new(reader, again)))
        .project(Some(projection))
        .map_err(|error| read_error(name, error))?
        .with_batch_size(DECODED_AT_ONCE);
    Ok((rows, total))
}

fn panicked(name: &str, part: &str) -> Error {
    let reason = format!("damaged Parquet: {part} cannot be read");
    Error::io(name)(std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
}

/// The part of a file's schema that is read, or the reason why there is none.
fn projection(schema: &Type, columns: &ColumnOptions) -> Result<Type, String> {
    let fields = schema.get_fields();
    let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
    columns.find(&names)?;
    let read = fields
        .iter()
        .filter_map(|field| match columns.role(field.name())? {
            Role::Image if field.is_group() => Some(image_column(field)),
            Role::Image | Role::Text => Some(flat_column(field, &[Physical::BYTE_ARRAY])),
            Role::Id => Some(flat_column(
                field,
                &[Physical::BYTE_ARRAY, Physical::INT32, Physical::INT64],
            )),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let group = Type::group_type_builder(schema.name()).with_fields(read);
    group.build().map_err(|error| error.to_string())
}

/// A column without parts, of one of the `allowed` types.
fn flat_column(field: &Arc<Type>, allowed: &[Physical]) -> Result<Arc<Type>, String> {
    let fits = field.is_primitive() && !is_repeated(field) && allowed.contains(&field.get_physical_type());
    if fits {
        return Ok(Arc::clone(field));
    }
    let name = field.name();
    Err(format!(
        "the column {name} is of a type that is not read here; text is"
    ))
}

/// A column of structures: its parts `bytes` and `path`.
fn image_column(field: &Arc<Type>) -> Result<Arc<Type>, String> {
    let parts = field.get_fields().iter();
    let read = parts
        .filter(|part| matches!(part.name(), "bytes" | "path"))
        .map(|part| flat_column(part, &[Physical::BYTE_ARRAY]))
        .collect::<Result<Vec<_>, _>>()?;
    if read.is_empty() || is_repeated(field) {
        let name = field.name();
        return Err(format!("the column {name} is a structure without bytes or path"));
    }
    let group = Type::group_type_builder(field.name())
        .with_repetition(field.get_basic_info().repetition())
        .with_fields(read);
    group.build().map(Arc::new).map_err(|error| error.to_string())
}

fn is_repeated(field: &Type) -> bool {
    field.get_basic_info().repetition() == parquet::basic::Repetition::REPEATED
}

fn content(fields: Vec<(String, Field)>, columns: &ColumnOptions) -> Result<Content, String> {
    let mut content = Content::default();
    for (name, field) in fields {
        match columns.role(&name) {
            Some(Role::Id) => content.id = id(field)?,
            Some(Role::Text) => content.text = text(field)?.filter(|text| !text.is_empty()),
            Some(Role::Image) => content.image = image(field)?,
            None => {}
        }
    }
    Ok(content)
}

fn id(field: Field) -> Result<Option<Value>, String> {
    match field {
        Field::Int(id) => Ok(Some(id.into())),
        Field::Long(id) => Ok(Some(id.into())),
        other => Ok(text(other)?.map(Value::String)),
    }
}

fn text(field: Field) -> Result<Option<String>, String> {
    match field {
        Field::Null => Ok(None),
        Field::Str(text) => Ok(Some(text)),
        Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec())
            .map(Some)
            .map_err(|error| format!("the row is not UTF-8: {error}")),
        other => Err(format!("{other} is not text")),
    }
}

fn image(field: Field) -> Result<Option<RowImage>, String> {
    match field {
        Field::Bytes(bytes) if bytes.is_empty() => Ok(None),
        Field::Bytes(bytes) => Ok(Some(RowImage::Bytes(bytes.data().to_vec()))),
        Field::Group(parts) => {
            let (mut bytes, mut path) = (None, None);
            for (name, part) in parts.into_columns() {
                match (name.as_str(), part) {
                    ("bytes", Field::Bytes(data)) => bytes = Some(RowImage::Bytes(data.data().to_vec())),
                    ("path", part) => path = text(part)?.map(RowImage::Given),
                    _ => {}
                }
            }
            Ok(bytes.or(path))
        }
        other => Ok(text(other)?.filter(|text| !text.is_empty()).map(RowImage::Given)),
    }
}

fn read_error(name: &str, error: ParquetError) -> Error {
    Error::Io {
        file: name.into(),
        source: std::io::Error::other(error),
    }
}
