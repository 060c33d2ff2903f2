//! Columns of a table: the names under which image, text and id of a row are found, and the delimiter of CSV.

use clap::Args;

/// The part of a row that a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Id,
    Image,
    Text,
}

/// The options that name columns.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Tables")]
pub struct ColumnOptions {
    /// Column or field of the image, "image" by default: a path, a data URI, base64 or, in Parquet, bytes.
    #[arg(long, value_name = "NAME")]
    image_column: Option<String>,
    /// Column or field of the text, "text" by default.
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// Column or field that is copied into the answer as its id, "id" by default.
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,
    /// Character between the fields of CSV; a comma by default, and a tab (also written \t or tab) in .tsv files.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    pub delimiter: Option<u8>,
}

impl ColumnOptions {
    /// The column of a role.
    pub fn name(&self, role: Role) -> &str {
        self.given(role).unwrap_or(match role {
            Role::Id => "id",
            Role::Image => "image",
            Role::Text => "text",
        })
    }

    fn given(&self, role: Role) -> Option<&str> {
        match role {
            Role::Id => self.id_column.as_deref(),
            Role::Image => self.image_column.as_deref(),
            Role::Text => self.text_column.as_deref(),
        }
    }

    /// The role of a column; none for one that is not read.
    pub fn role(&self, column: &str) -> Option<Role> {
        let roles = [Role::Id, Role::Image, Role::Text];
        roles.into_iter().find(|role| self.name(*role) == column)
    }

    /// The position of each role's column in a header.
    ///
    /// # Errors
    /// A sentence where the header has neither image nor text, or lacks a column that was named.
    pub fn find(&self, header: &[&str]) -> Result<Positions, String> {
        let position = |role| {
            let name = self.name(role);
            header.iter().position(|column| column.trim() == name)
        };
        let positions = Positions {
            id: position(Role::Id),
            image: position(Role::Image),
            text: position(Role::Text),
        };
        for (role, found) in [
            (Role::Id, positions.id),
            (Role::Image, positions.image),
            (Role::Text, positions.text),
        ] {
            if let (Some(name), None) = (self.given(role), found) {
                return Err(format!(
                    "there is no column {name}; there are {}",
                    header.join(", ")
                ));
            }
        }
        if positions.image.is_none() && positions.text.is_none() {
            let (image, text) = (self.name(Role::Image), self.name(Role::Text));
            return Err(format!(
                "there is no column {image} or {text}; there are {}: name one with --image-column or --text-column",
                header.join(", ")
            ));
        }
        Ok(positions)
    }
}

/// Positions of the columns that are read.
#[derive(Clone, Copy, Debug)]
pub struct Positions {
    pub id: Option<usize>,
    pub image: Option<usize>,
    pub text: Option<usize>,
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [b'"' | b'\n' | b'\r'] => Err("quotation marks and line breaks cannot separate fields".into()),
            [byte] if byte.is_ascii() => Ok(*byte),
            _ => Err("give one ASCII character, such as ; or tab".into()),
        },
    }
}
