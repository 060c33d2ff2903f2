//! `tokenizer.json`: read straight into the vocabulary that its model wants, checked, and put together with the file's
//! normalizer and pre-tokenizer.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::{Display, Formatter};
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::charsmap;

/// Ids from here on would not be a vocabulary's but a mistake (CLIP's end at 49407).
const ID_LIMIT: u32 = 1 << 24;
/// The padding token of models with a byte-pair vocabulary.
const PAD: &str = "<pad>";
/// Steps that the tokenizers of supported models are made of; others are refused by name.
const KNOWN_STEPS: [&str; 14] = [
    "Sequence",
    "NFC",
    "NFKC",
    "Lowercase",
    "Replace",
    "Split",
    "ByteLevel",
    "WhitespaceSplit",
    "Prepend",
    "Strip",
    "Metaspace",
    "Precompiled",
    "BertNormalizer",
    "BertPreTokenizer",
];

/// The parts that a file comes to.
pub(super) struct Parts {
    pub inner: Tokenizer,
    pub bos: Option<u32>,
    pub eos: u32,
    /// Padding of texts, in models that want them padded.
    pub padding: Padding,
    /// One more than the largest id.
    pub vocab_size: usize,
}

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: PostProcessor,
    padding: Option<Padding>,
}

/// The token that texts are padded with, and where.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Padding {
    #[serde(rename = "pad_id")]
    pub id: u32,
    #[serde(default)]
    pub direction: Direction,
}

/// The side of a text that padding stands on.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) enum Direction {
    Left,
    #[default]
    Right,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(deserialize_with = "vocabulary")]
    vocab: Vocabulary,
    #[serde(default)]
    merges: Vec<Merge>,
    unk_token: Option<String>,
    unk_id: Option<usize>,
    max_input_chars_per_word: Option<usize>,
    dropout: Option<f32>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
}

/// The tokens of a model.
enum Vocabulary {
    /// Of BPE: an id for each.
    Ids(Vocab),
    /// Of Unigram: a score for each, in the order of their ids.
    Scores(Vec<(String, f64)>),
}

impl Vocabulary {
    fn largest_id(&self) -> u32 {
        match self {
            Self::Ids(ids) => ids.values().copied().max().unwrap_or(0),
            Self::Scores(scores) => scores.len().saturating_sub(1) as u32,
        }
    }
}

/// Two tokens that become one: a pair, or in older files one string with a space between.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

/// The step that puts start and end around a text, of which only these two ids matter here.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    #[serde(alias = "BertProcessing")]
    RobertaProcessing { cls: (String, u32), sep: (String, u32) },
    TemplateProcessing {
        single: Vec<Piece>,
        special_tokens: HashMap<String, SpecialToken>,
    },
}

#[derive(Deserialize)]
enum Piece {
    SpecialToken { id: String },
    Sequence {},
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

/// Reads the bytes of a `tokenizer.json`, or says what is wrong with them.
pub(super) fn read(json: &[u8]) -> Result<Parts, String> {
    let file: File = serde_json::from_slice(json).map_err(text)?;
    let (bos, eos) = file.post_processor.ends()?;
    let largest = file.model.vocab.largest_id();
    let (model, pad) = file.model.build()?;
    let mut inner = Tokenizer::new(model);
    if let Some(steps) = file.normalizer {
        check_steps(&steps)?;
        let normalizer: NormalizerWrapper =
            serde_json::from_value(steps).map_err(|e| format!("normalizer: {e}"))?;
        inner.with_normalizer(Some(normalizer)).map_err(text)?;
    }
    if let Some(steps) = file.pre_tokenizer {
        check_steps(&steps)?;
        let pre_tokenizer: PreTokenizerWrapper =
            serde_json::from_value(steps).map_err(|e| format!("pre_tokenizer: {e}"))?;
        inner.with_pre_tokenizer(Some(pre_tokenizer));
    }
    inner.add_tokens(file.added_tokens).map_err(text)?;
    let added = inner.get_added_tokens_decoder().into_keys().max().unwrap_or(0);
    let largest = largest.max(added);
    let vocab_size = largest as usize + 1;
    let padding = file.padding.unwrap_or(Padding {
        id: pad.unwrap_or(eos),
        direction: Direction::Right,
    });
    if let Some(id) = [bos.unwrap_or(eos), eos, padding.id]
        .into_iter()
        .find(|id| *id > largest)
    {
        return Err(format!(
            "start, end or padding token has id {id}, but the vocabulary ends at {largest}"
        ));
    }
    Ok(Parts {
        inner,
        bos,
        eos,
        padding,
        vocab_size,
    })
}

impl Model {
    /// The model, and the id of its padding token where it has one.
    fn build(mut self) -> Result<(ModelWrapper, Option<u32>), String> {
        match std::mem::replace(&mut self.vocab, Vocabulary::Scores(Vec::new())) {
            Vocabulary::Ids(ids) if self.kind.as_deref() == Some("WordPiece") => {
                Ok((self.build_word_piece(ids)?.into(), None))
            }
            Vocabulary::Ids(ids) => self.build_bpe(ids),
            Vocabulary::Scores(scores) => Ok((self.build_unigram(scores)?.into(), None)),
        }
    }

    /// SentencePiece's model of tokens with scores. Its end token stands for padding.
    fn build_unigram(self, scores: Vec<(String, f64)>) -> Result<Unigram, String> {
        if self.kind.is_some_and(|kind| kind != "Unigram") {
            return Err("the vocabulary is a list of scores, which only a Unigram model has".into());
        }
        if scores.len() >= ID_LIMIT as usize {
            return Err(format!("the vocabulary has {} tokens", scores.len()));
        }
        if let Some((token, score)) = scores.iter().find(|(_, score)| !score.is_finite()) {
            return Err(format!("the token {token:?} has the score {score}"));
        }
        let unknown = self.unk_id.ok_or("the model has no unk_id")?;
        Unigram::from(scores, Some(unknown), self.byte_fallback).map_err(text)
    }

    /// BERT's model of words and pieces of words.
    fn build_word_piece(self, ids: Vocab) -> Result<WordPiece, String> {
        let unknown = self.unk_token.unwrap_or_else(|| "[UNK]".into());
        if !self.merges.is_empty() || !ids.contains_key(&unknown) {
            return Err(format!(
                "a WordPiece model has no merges, and its unk_token {unknown:?} in its vocabulary"
            ));
        }
        let prefix = self.continuing_subword_prefix.unwrap_or_else(|| "##".into());
        let builder = WordPiece::builder().vocab(ids).unk_token(unknown);
        let builder = builder.continuing_subword_prefix(prefix);
        let builder = builder.max_input_chars_per_word(self.max_input_chars_per_word.unwrap_or(100));
        builder.build().map_err(text)
    }

    fn build_bpe(self, ids: Vocab) -> Result<(ModelWrapper, Option<u32>), String> {
        if let Some(kind) = self.kind.filter(|kind| kind != "BPE") {
            return Err(format!(
                "the model is {kind}; BPE, Unigram and WordPiece are supported"
            ));
        }
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err("dropout would make ids random".into());
        }
        if self
            .continuing_subword_prefix
            .is_some_and(|prefix| !prefix.is_empty())
        {
            return Err("continuing_subword_prefix is not supported; CLIP's is empty".into());
        }
        let merges = self
            .merges
            .into_iter()
            .map(Merge::pair)
            .collect::<Result<Merges, _>>()?;
        // The builder takes for granted that no merge is longer than the longest token.
        let longest = ids.keys().map(String::len).max().unwrap_or(0);
        if let Some((a, b)) = merges.iter().find(|(a, b)| a.len() + b.len() > longest) {
            return Err(format!("the merge of {a:?} and {b:?} is not in the vocabulary"));
        }
        if let Some(unknown) = self.unk_token.as_ref().filter(|token| !ids.contains_key(*token)) {
            return Err(format!("unk_token {unknown:?} is not in the vocabulary"));
        }
        let pad = ids.get(PAD).copied();
        let mut builder = BPE::builder()
            .vocab_and_merges(ids, merges)
            .fuse_unk(self.fuse_unk)
            .byte_fallback(self.byte_fallback)
            .ignore_merges(self.ignore_merges);
        if let Some(token) = self.unk_token {
            builder = builder.unk_token(token);
        }
        if let Some(suffix) = self.end_of_word_suffix.filter(|suffix| !suffix.is_empty()) {
            builder = builder.end_of_word_suffix(suffix);
        }
        Ok((builder.build().map_err(text)?.into(), pad))
    }
}

impl Merge {
    fn pair(self) -> Result<(String, String), String> {
        match self {
            Self::Pair(a, b) => Ok((a, b)),
            Self::Line(line) => match line.split_once(' ') {
                Some((a, b)) if !b.contains(' ') => Ok((a.into(), b.into())),
                _ => Err(format!("the merge {line:?} is not two tokens")),
            },
        }
    }
}

impl PostProcessor {
    /// Ids of the token before a text, where there is one, and of the token after it.
    fn ends(&self) -> Result<(Option<u32>, u32), String> {
        match self {
            Self::RobertaProcessing { cls, sep } => Ok((Some(cls.1), sep.1)),
            Self::TemplateProcessing {
                single,
                special_tokens,
            } => {
                let id = |token: &String| match special_tokens.get(token).map(|token| token.ids.as_slice()) {
                    Some([id]) => Ok(*id),
                    _ => Err(format!(
                        "post_processor: the special token {token:?} has not one id"
                    )),
                };
                match single.as_slice() {
                    [
                        Piece::SpecialToken { id: start },
                        Piece::Sequence {},
                        Piece::SpecialToken { id: end },
                    ] => Ok((Some(id(start)?), id(end)?)),
                    [Piece::Sequence {}, Piece::SpecialToken { id: end }] => Ok((None, id(end)?)),
                    _ => Err(
                        "post_processor does not put at most one start and one end token around a text"
                            .into(),
                    ),
                }
            }
        }
    }
}

/// Refuses a normalizer or pre-tokenizer with a step that is not known to be sound.
fn check_steps(step: &Value) -> Result<(), String> {
    let kind = step
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("without a type");
    if !KNOWN_STEPS.contains(&kind) {
        return Err(format!(
            "a step {kind} is not supported; supported are {}",
            KNOWN_STEPS.join(", ")
        ));
    }
    if kind == "Precompiled" {
        charsmap::check(step)?;
    }
    let inner = ["normalizers", "pretokenizers"]
        .iter()
        .filter_map(|key| step.get(key)?.as_array())
        .flatten();
    inner.into_iter().try_for_each(check_steps)
}

/// Tokens, straight from the text into the form that the model holds.
fn vocabulary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vocabulary, D::Error> {
    struct Tokens;
    impl<'de> Visitor<'de> for Tokens {
        type Value = Vocabulary;

        fn expecting(&self, formatter: &mut Formatter) -> std::fmt::Result {
            formatter.write_str("a map from token to id, or a list of tokens and scores")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
            let mut vocab = Vocab::new();
            while let Some((token, id)) = map.next_entry::<String, u32>()? {
                if id >= ID_LIMIT {
                    return Err(A::Error::custom(format_args!(
                        "the token {token:?} has the id {id}"
                    )));
                }
                vocab.insert(token, id);
            }
            Ok(Vocabulary::Ids(vocab))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
            let mut scores = Vec::new();
            while let Some(token) = list.next_element()? {
                scores.push(token);
            }
            Ok(Vocabulary::Scores(scores))
        }
    }
    deserializer.deserialize_any(Tokens)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
