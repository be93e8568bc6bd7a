//! A program as the interpreter reads it: what a parser gave, without types and without its lifetimes.
//!
//! The parser's own tree changes from version to version; everything behind `parse` sees this one.

use std::sync::Arc;

/// A name, or a text that stands in the source.
pub(crate) type Name = Arc<str>;

/// Bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) body: Vec<Stmt>,
    /// Whether it has `import` or `export`.
    pub(crate) is_esm: bool,
}

/// An expression.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) at: Span,
    pub(crate) kind: ExprKind,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum ExprKind {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Name),
    Regex(Name),
    /// Texts, with an expression between each two.
    Template(Vec<Name>, Vec<Expr>),
    Name(Name),
    This,
    Super,
    Array(Vec<Item>),
    Object(Vec<Prop>),
    Function(Arc<Function>),
    Class(Arc<Class>),
    Member(Box<Expr>, Name),
    Index(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Item>),
    New(Box<Expr>, Vec<Item>),
    Import(Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Typeof(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Logical(Logical, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Assign(Assign, Box<Pattern>, Box<Expr>),
    /// `x++` and `delete x.y`: afterwards nothing is known of it.
    Change(Box<Pattern>),
    Sequence(Vec<Expr>),
    Await(Box<Expr>),
    /// Its parts run, and what they give is not known.
    Opaque(Vec<Expr>),
}

/// An element of an array, or an argument.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) spread: bool,
    pub(crate) value: Expr,
}

/// A property of an object literal.
#[derive(Debug)]
pub(crate) enum Prop {
    Value {
        at: Span,
        key: Key,
        value: Expr,
        getter: bool,
    },
    Spread(Expr),
}

/// What a property is called.
#[derive(Debug)]
pub(crate) enum Key {
    Name(Name),
    Computed(Box<Expr>),
}

/// Where a value goes.
#[derive(Debug)]
pub(crate) enum Pattern {
    Name(Name),
    Place(Expr),
    Object(Vec<(Key, Self)>, Option<Box<Self>>),
    Array(Vec<Option<Self>>, Option<Box<Self>>),
    Default(Box<Self>, Box<Expr>),
}

/// `+`, and those that compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Equal,
    Unequal,
    In,
    InstanceOf,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Subtract,
    Multiply,
    /// Others that give numbers.
    Arithmetic,
}

/// `||`, `&&` and `??`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logical {
    Or,
    And,
    Coalesce,
}

/// `=` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assign {
    Set,
    Add,
    Logical(Logical),
    Arithmetic,
}

/// A function, arrow or method.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its number in the file.
    pub(crate) id: u32,
    pub(crate) at: Span,
    pub(crate) name: Option<Name>,
    pub(crate) params: Vec<Param>,
    pub(crate) rest: Option<Pattern>,
    pub(crate) body: Vec<Stmt>,
    pub(crate) is_arrow: bool,
}

/// A parameter.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) pattern: Pattern,
    /// The last name of its type, such as `Request`.
    pub(crate) kind: Option<Name>,
    /// Whether a constructor keeps it in a field of that name.
    pub(crate) is_field: bool,
}

impl Param {
    /// What it is called, where it has one name.
    pub(crate) fn name(&self) -> Option<&str> {
        fn of(pattern: &Pattern) -> Option<&str> {
            match pattern {
                Pattern::Name(name) => Some(name),
                Pattern::Default(inner, _) => of(inner),
                _ => None,
            }
        }
        of(&self.pattern)
    }
}

/// A class.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) at: Span,
    pub(crate) name: Option<Name>,
    pub(crate) parent: Option<Expr>,
    pub(crate) members: Vec<Member>,
    pub(crate) decorators: Vec<Expr>,
}

/// A member of a class.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) at: Span,
    pub(crate) key: Key,
    pub(crate) is_static: bool,
    pub(crate) kind: MemberKind,
    pub(crate) value: Option<Expr>,
    pub(crate) decorators: Vec<Expr>,
}

/// What a member of a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberKind {
    Constructor,
    Method,
    Getter,
    Setter,
    Field,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Stmt {
    pub(crate) at: Span,
    pub(crate) kind: StmtKind,
}

/// What a statement is.
#[derive(Debug)]
pub(crate) enum StmtKind {
    Empty,
    Expr(Expr),
    Declare {
        /// Whether it belongs to the function instead of the block.
        is_var: bool,
        pattern: Pattern,
        init: Option<Expr>,
    },
    Function(Arc<Function>),
    Class(Arc<Class>),
    Return(Option<Expr>),
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    Block(Vec<Stmt>),
    For {
        init: Vec<Stmt>,
        test: Option<Expr>,
        update: Option<Expr>,
        body: Box<Stmt>,
    },
    ForEach {
        pattern: Pattern,
        /// What it declares belongs to the loop.
        declares: bool,
        over: Expr,
        /// `of`, not `in`.
        is_of: bool,
        body: Box<Stmt>,
    },
    While(Expr, Box<Stmt>),
    Switch(Expr, Vec<(Option<Expr>, Vec<Stmt>)>),
    Try {
        block: Vec<Stmt>,
        param: Option<Pattern>,
        handler: Option<Vec<Stmt>>,
        finalizer: Option<Vec<Stmt>>,
    },
    Throw(Expr),
    /// `break` and `continue`.
    Leave,
    Import {
        from: Name,
        names: Vec<Import>,
    },
    Export(Vec<(Name, Name)>),
    ExportFrom {
        from: Name,
        /// What it is called there, and what here.
        names: Vec<(Name, Name)>,
    },
    ExportAll {
        from: Name,
        name: Option<Name>,
    },
    ExportDefault(Expr),
    /// `export = x`.
    ExportAssign(Expr),
}

/// A name that is imported.
#[derive(Debug)]
pub(crate) struct Import {
    /// What it is called there; nothing for all of it.
    pub(crate) name: Option<Name>,
    pub(crate) local: Name,
}
