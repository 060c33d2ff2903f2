//! The stack machine of Python's pickle format, as far as dictionaries of tensors need it.
//!
//! Values live in one list and refer to each other by their index, so that a value that is used often is never
//! copied and no nesting, however deep, is followed when they are dropped. Every instruction adds one value at most:
//! memory is bounded by the length of the pickle.

/// Index of a value.
pub type Id = usize;

/// A value that a pickle builds.
#[derive(Debug, PartialEq)]
pub enum Value {
    /// Anything whose content is of no interest: `None`, booleans, floats, lists, objects.
    Opaque,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A dictionary: keys and values.
    Dict(Vec<(Id, Id)>),
    /// A class or a function, `module.name`.
    Global(String),
    /// A reference to something outside the pickle: in PyTorch's files, to the values of tensors.
    Persistent(Id),
    /// A call of a function with a tuple of arguments, which is not made.
    Call(Id, Id),
}

/// A stack with the place that a group of values on it starts at.
enum Item {
    Value(Id),
    Mark,
}

/// The values of a pickle.
pub struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Runs a whole pickle of protocol 2 to 5.
    ///
    /// # Errors
    /// A sentence on what is malformed or not supported.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut machine = Machine {
            bytes,
            position: 0,
            values: Vec::new(),
            stack: Vec::new(),
            memo: std::collections::HashMap::new(),
        };
        let root = loop {
            if let Some(root) = machine.step()? {
                break root;
            }
        };
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    /// The value that the pickle stands for.
    pub fn root(&self) -> Id {
        self.root
    }

    /// A value.
    pub fn get(&self, id: Id) -> &Value {
        &self.values[id]
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    values: Vec<Value>,
    stack: Vec<Item>,
    memo: std::collections::HashMap<u32, Id>,
}

impl Machine<'_> {
    /// Runs one instruction; gives the result at the last.
    fn step(&mut self) -> Result<Option<Id>, String> {
        match self.byte()? {
            b'.' => return self.pop().map(Some),
            // Protocol and frames: a number that does not matter here.
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,
            b'(' => self.stack.push(Item::Mark),
            b'0' => self.pop().map(drop)?,
            b'N' | 0x88 | 0x89 => self.push(Value::Opaque),
            b'G' => {
                self.skip(8)?;
                self.push(Value::Opaque);
            }
            b'K' | b'M' | b'J' | 0x8a => return self.number().map(|()| None),
            b'X' | 0x8c | 0x8d => return self.text().map(|()| None),
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Value::Global(name));
            }
            0x93 => self.stack_global()?,
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => self.short_tuple()?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::Opaque),
            b'a' => self.pop().map(drop)?,
            b'e' => self.pop_to_mark().map(drop)?,
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.insert(&items)?;
            }
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo()?,
            b'R' | 0x81 => self.call()?,
            // The state of an object: that of a dictionary, PyTorch's version numbers, is not needed.
            b'b' => self.pop().map(drop)?,
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id));
            }
            other => {
                return Err(format!(
                    "holds the pickle instruction {other:#04x}, which state dicts do not need"
                ));
            }
        }
        Ok(None)
    }

    fn number(&mut self) -> Result<(), String> {
        let value = match self.bytes[self.position - 1] {
            b'K' => i64::from(self.byte()?),
            b'M' => i64::from(u16::from_le_bytes(self.array()?)),
            b'J' => i64::from(i32::from_le_bytes(self.array()?)),
            _ => {
                let length = usize::from(self.byte()?);
                let digits = self.take(length)?;
                if length > 8 {
                    return Err(format!("holds an integer of {length} bytes"));
                }
                let negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut bytes = [if negative { 0xff } else { 0 }; 8];
                bytes[..length].copy_from_slice(digits);
                i64::from_le_bytes(bytes)
            }
        };
        self.push(Value::Int(value));
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let length = match self.bytes[self.position - 1] {
            b'X' => u64::from(u32::from_le_bytes(self.array()?)),
            0x8c => u64::from(self.byte()?),
            _ => u64::from_le_bytes(self.array()?),
        };
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let text = std::str::from_utf8(bytes).map_err(|e| format!("holds a text that is none: {e}"))?;
        let text = Value::Text(text.into());
        self.push(text);
        Ok(())
    }

    fn stack_global(&mut self) -> Result<(), String> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (&self.values[module], &self.values[name]) {
            (Value::Text(module), Value::Text(name)) => {
                let global = Value::Global(format!("{module}.{name}"));
                self.push(global);
                Ok(())
            }
            _ => Err("names a class by something that is no text".into()),
        }
    }

    fn short_tuple(&mut self) -> Result<(), String> {
        let count = self.bytes[self.position - 1] - 0x84;
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    /// Adds keys and values to the dictionary on the stack; those of other objects are dropped.
    fn insert(&mut self, items: &[Id]) -> Result<(), String> {
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err("gives a dictionary a key without a value".into());
        };
        let dict = self.top()?;
        if let Value::Dict(entries) = &mut self.values[dict] {
            entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
        }
        Ok(())
    }

    fn memo(&mut self) -> Result<(), String> {
        let (is_put, key) = match self.bytes[self.position - 1] {
            b'q' => (true, u32::from(self.byte()?)),
            b'r' => (true, u32::from_le_bytes(self.array()?)),
            0x94 => (true, self.memo.len() as u32),
            b'h' => (false, u32::from(self.byte()?)),
            _ => (false, u32::from_le_bytes(self.array()?)),
        };
        if is_put {
            let top = self.top()?;
            self.memo.insert(key, top);
        } else {
            let id = self
                .memo
                .get(&key)
                .ok_or_else(|| format!("refers to the value {key}, which is not there"))?;
            self.stack.push(Item::Value(*id));
        }
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let is_dict =
            matches!(&self.values[function], Value::Global(name) if name == "collections.OrderedDict");
        self.push(match is_dict {
            true => Value::Dict(Vec::new()),
            false => Value::Call(function, arguments),
        });
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Item::Value(self.values.len()));
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, String> {
        match self.stack.pop() {
            Some(Item::Value(id)) => Ok(id),
            _ => Err("takes a value from an empty stack".into()),
        }
    }

    fn top(&self) -> Result<Id, String> {
        match self.stack.last() {
            Some(Item::Value(id)) => Ok(*id),
            _ => Err("takes a value from an empty stack".into()),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, String> {
        let mut items = Vec::new();
        loop {
            match self.stack.pop() {
                Some(Item::Value(id)) => items.push(id),
                Some(Item::Mark) => break,
                None => return Err("ends a group of values that has no beginning".into()),
            }
        }
        items.reverse();
        Ok(items)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self.take(N)?;
        Ok(std::array::from_fn(|i| bytes[i]))
    }

    fn skip(&mut self, count: usize) -> Result<(), String> {
        self.take(count).map(drop)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let end = self
            .position
            .checked_add(count)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("ends within an instruction")?;
        let taken = &self.bytes[self.position..end];
        self.position = end;
        Ok(taken)
    }

    /// The text to the end of a line, which it takes along.
    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let line = self.take(length.ok_or("ends within an instruction")? + 1)?;
        Ok(String::from_utf8_lossy(&line[..line.len() - 1]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn root(bytes: &[u8]) -> Result<String, String> {
        let pickle = Pickle::read(bytes)?;
        Ok(format!("{:?}", pickle.get(pickle.root())))
    }

    #[test]
    fn values_are_built_and_functions_are_not_called() {
        // pickle.dumps({"a": (1, -2)}, 2)
        let bytes = b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01J\xfe\xff\xff\xff\x86q\x02s.";
        let pickle = Pickle::read(bytes).unwrap();
        let Value::Dict(entries) = pickle.get(pickle.root()) else {
            panic!("it is a dictionary");
        };
        let [(key, value)] = entries[..] else {
            panic!("it has one entry");
        };
        assert_eq!(pickle.get(key), &Value::Text("a".into()));
        let Value::Tuple(items) = pickle.get(value) else {
            panic!("the value is a tuple");
        };
        let items: Vec<_> = items.iter().map(|id| pickle.get(*id)).collect();
        assert_eq!(items, [&Value::Int(1), &Value::Int(-2)]);
        // os.system("true")
        assert!(
            root(b"cos\nsystem\n(X\x04\x00\x00\x00truetR.")
                .unwrap()
                .contains("Call")
        );
    }

    #[test]
    fn malformed_pickles_are_refused() {
        for (bytes, reason) in [
            (&b""[..], "ends within"),
            (b"K", "ends within"),
            (b"X\xff\xff\xff\xffab", "ends within"),
            (b".", "empty stack"),
            (b"(.", "empty stack"),
            (b"t.", "no beginning"),
            (b"h\x01.", "not there"),
            (b"}(K\x01u.", "without a value"),
            (b"\x8a\x09123456789.", "9 bytes"),
            (b"cos", "ends within"),
            (b"i", "0x69"),
        ] {
            let error = root(bytes).unwrap_err();
            assert!(error.contains(reason), "{bytes:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Pickle::read(&bytes);
        }
    }
}
