//! Answers as Parquet: lists in the standard three levels, in row groups of bounded size.

use std::io::{Error, Result, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::answer::Answer;
use super::writer::id_text;

/// The columns, in the order of the fields of [`Answer`].
const SCHEMA: &str = "message answers {
    required int64 row;
    optional binary id (UTF8);
    optional binary image (UTF8);
    optional group probs (LIST) { repeated group list { required float element; } }
    optional group labels (LIST) { repeated group list { required binary element (UTF8); } }
    optional group image_features (LIST) { repeated group list { required float element; } }
    optional group text_features (LIST) { repeated group list { required float element; } }
    optional binary error (UTF8);
}";
/// Values of lists that fill a row group.
const GROUP_VALUES: usize = 8 << 20;
/// Rows that fill a row group, even where their lists are short.
const GROUP_ROWS: usize = 1 << 16;

/// A Parquet file being written.
pub struct ParquetWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    /// Answers of the next row group.
    pending: Vec<Answer>,
    /// Values in their lists.
    pending_values: usize,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Starts a file.
    pub fn new(file: W) -> Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(Error::other)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()));
        Ok(Self {
            writer: writer.map_err(Error::other)?,
            pending: Vec::new(),
            pending_values: 0,
        })
    }

    /// Adds a row.
    pub fn push(&mut self, answer: Answer) -> Result<()> {
        let floats = [&answer.probs, &answer.image_features, &answer.text_features];
        let floats = floats.into_iter().flatten().map(Vec::len).sum::<usize>();
        self.pending_values += floats + answer.labels.as_ref().map_or(0, Vec::len);
        self.pending.push(answer);
        if self.pending_values >= GROUP_VALUES || self.pending.len() >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes the rest and the footer.
    pub fn finish(mut self) -> Result<W> {
        if !self.pending.is_empty() {
            self.write_group()?;
        }
        self.writer.into_inner().map_err(Error::other)
    }

    fn write_group(&mut self) -> Result<()> {
        self.pending_values = 0;
        let rows = std::mem::take(&mut self.pending);
        let mut group = self.writer.next_row_group().map_err(Error::other)?;
        let text = |text: &String| ByteArray::from(text.as_bytes().to_vec());
        let row = rows.iter().map(|answer| answer.row as i64).collect();
        let column = Column::<Int64Type> {
            values: row,
            ..Column::default()
        };
        column.write(&mut group)?;
        let ids = rows.iter().map(|a| a.id.as_ref().map(id_text));
        Column::<ByteArrayType>::optional(ids.map(|id| id.as_ref().map(text))).write(&mut group)?;
        let images = rows.iter().map(|a| a.image.as_ref().map(text));
        Column::<ByteArrayType>::optional(images).write(&mut group)?;
        let floats = |of: fn(&Answer) -> &Option<Vec<f32>>| {
            Column::<FloatType>::list(rows.iter().map(move |a| of(a).as_deref()), |x| *x)
        };
        floats(|a| &a.probs).write(&mut group)?;
        Column::<ByteArrayType>::list(rows.iter().map(|a| a.labels.as_deref()), text).write(&mut group)?;
        floats(|a| &a.image_features).write(&mut group)?;
        floats(|a| &a.text_features).write(&mut group)?;
        let errors = rows.iter().map(|a| a.error.as_ref().map(text));
        Column::<ByteArrayType>::optional(errors).write(&mut group)?;
        group.close().map_err(Error::other)?;
        Ok(())
    }
}

/// A column's values with their definition and repetition levels (Dremel).
struct Column<T: DataType> {
    values: Vec<T::T>,
    definitions: Option<Vec<i16>>,
    repetitions: Option<Vec<i16>>,
}

impl<T: DataType> Default for Column<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            definitions: None,
            repetitions: None,
        }
    }
}

impl<T: DataType> Column<T> {
    /// Values that may be absent.
    fn optional(rows: impl Iterator<Item = Option<T::T>>) -> Self {
        let (mut values, mut definitions) = (Vec::new(), Vec::new());
        for row in rows {
            definitions.push(i16::from(row.is_some()));
            values.extend(row);
        }
        Self {
            values,
            definitions: Some(definitions),
            repetitions: None,
        }
    }

    /// Lists that may be absent: level 0 is no list, 1 an empty one, 2 an element.
    fn list<'a, E: 'a>(rows: impl Iterator<Item = Option<&'a [E]>>, of: impl Fn(&E) -> T::T) -> Self {
        let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let elements = row.unwrap_or_default();
            if elements.is_empty() {
                definitions.push(i16::from(row.is_some()));
                repetitions.push(0);
            }
            for (i, element) in elements.iter().enumerate() {
                definitions.push(2);
                repetitions.push(i16::from(i > 0));
                values.push(of(element));
            }
        }
        Self {
            values,
            definitions: Some(definitions),
            repetitions: Some(repetitions),
        }
    }

    /// Writes the values as the next column of `group`.
    fn write<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<W>) -> Result<()> {
        let column = group.next_column().map_err(Error::other)?;
        let Some(mut column) = column else {
            return Err(Error::other("the schema has fewer columns than an answer"));
        };
        column
            .typed::<T>()
            .write_batch(
                &self.values,
                self.definitions.as_deref(),
                self.repetitions.as_deref(),
            )
            .map_err(Error::other)?;
        column.close().map_err(Error::other)
    }
}
