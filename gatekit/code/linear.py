"""Writes pre-activations: shared products, other linear maps, layer normalisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gatekit.cell.graph import BuiltRead
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Number,
    children,
    total,
    with_children,
)

from .identifiers import slug
from .lines import Lines
from .products import Product, Reader, plain
from .traced import apply_map, matrix_of

_LONGEST_CUT = 72


class LinearLines(Lines):
    """Writes the linear part of a step."""

    def pre_activation(self, reader: Reader) -> Expr | None:
        if not reader.reads and reader.bias is None:
            return None
        norm = reader.node.norm if reader.node is not None else None
        if norm is not None and norm.of == "sum":
            assert reader.node is not None
            normed = self._normal_sum(reader, norm.group, norm.epsilon)
            return self.scaled(normed, str(reader.node.norm_scale), reader.bias)
        if norm is not None:
            parts = [
                self.scaled(
                    self._normal_read(reader, read, norm.group, norm.epsilon), str(read.scale)
                )
                for read in reader.reads
            ]
        else:
            parts = self._parts(reader)
        shared = any(reader in p.readers and p.bias for p in self.layout.products)
        if reader.bias is not None and not shared:
            parts.append(Name(reader.bias))
        return total(parts)

    def scaled(self, normed: Expr, scale: str, offset: str | None = None) -> Expr:
        """Return a normalised value times its scale, plus its offset."""
        if isinstance(normed, Call) and "affine_norm" in self.framework.functions:
            learned = [Name(scale), *([Name(offset)] if offset else [])]
            return Call("affine_norm" if offset else "scaled_norm", (*normed.args, *learned))
        return _needed(total([normed * Name(scale), *([Name(offset)] if offset else [])]))

    def _parts(self, reader: Reader) -> list[Expr]:
        """Return the terms of a pre-activation; a product of several reads is one term."""
        return list(dict.fromkeys(self._linear(reader, read) for read in reader.reads))

    def _linear(self, reader: Reader, read: BuiltRead) -> Expr:
        product = self._product(reader, read)
        if product is not None:
            return self._piece(product, reader)
        u = self._dropped(read)
        if read.map_kind == "orthogonal":
            weight = Name(read.weights[""])
            turn = Call("rotation", (weight - Call("transpose", (weight,)),))
            name = self.assign(f"{reader.name}:{read.text}:matrix", turn, f"{reader.name}_matrix")
            return Call("matmul", (u, name))
        matrix = matrix_of(read)
        if matrix is None:
            return apply_map(read, u)
        key = f"{reader.name}:{read.text}:matrix"
        name = self._matrix(key, matrix, f"{reader.name}_matrix")
        return Call("matmul", (u, name))

    def _matrix(self, key: str, matrix: Expr, like: str) -> Name:
        """Write a matrix, with a line for each part that is used more than once."""
        uses: Counter[int] = Counter()
        seen: dict[int, Expr] = {}
        stack = [matrix]
        while stack:
            part = stack.pop()
            for child in children(part):
                uses[id(child)] += 1
                if id(child) not in seen:
                    seen[id(child)] = child
                    stack.append(child)
        done: dict[int, Expr] = {}

        def rebuilt(part: Expr) -> Expr:
            if id(part) not in done:
                inner = tuple(rebuilt(child) for child in children(part))
                simpler = _without_zeros(with_children(part, inner))
                if uses[id(part)] > 1 and inner:
                    simpler = self.assign(f"part {len(self.lines)} {key}", simpler, f"{like}_part")
                done[id(part)] = simpler
            return done[id(part)]

        return self.assign(key, rebuilt(matrix), like)

    def _product(self, reader: Reader, read: BuiltRead) -> Product | None:
        if not plain(read):
            return None
        return next(
            p
            for p in self.layout.products
            if reader in p.readers and any(r.expr == read.expr for r in p.reads)
        )

    def _sum(self, product: Product) -> Expr:
        terms: list[Expr] = []
        for read, matrix in zip(product.reads, product.matrices, strict=True):
            terms.append(Call("matmul", (self._dropped(read), Name(f"@{matrix.attribute}"))))
        if product.bias is not None:
            terms.append(Name(f"@{product.bias.attribute}"))
        return _needed(total(terms))

    def _dropped(self, read: BuiltRead) -> Expr:
        """Return the operand of a read, times its mask of recurrent dropout if it has one."""
        key = f"drop:{read.text}"
        of_state = not read.hoisted and not read.map.row_wise
        return read.expr * Name(key) if of_state and key in self.env else read.expr

    def _piece(self, product: Product, reader: Reader) -> Expr:
        """Return a gate's part of a product; the product is written at its first use."""
        if len(product.readers) == 1:
            return self._sum(product)
        number = self.layout.products.index(product)
        if (number, reader.name) not in self._pieces:
            text = slug(product.reads[0].text.replace("_prev", ""))
            prefix = self._prefix(product, text)
            whole = self._whole_product(product, "z" if prefix == "z" else f"z_{prefix}")
            parts = self._cut(whole, product.readers, f"z {number}", prefix)
            for member, part in zip(product.readers, parts, strict=True):
                self._pieces[number, member.name] = part
        return self._pieces[number, reader.name]

    def _prefix(self, product: Product, text: str) -> str:
        several = any(
            other is not product and reader in other.readers
            for other in self.layout.products
            for reader in product.readers
        )
        return (text if len(text) <= 8 else "read") if several else "z"

    def _whole_product(self, product: Product, like: str = "z") -> Name:
        number = self.layout.products.index(product)
        if number not in self._whole:
            width = sum(reader.width for reader in product.readers)
            self._whole[number] = self.assign(
                f"z {number}", self._sum(product), like, self.shape_text([width])
            )
        return self._whole[number]

    def _cut(self, whole: Name, members: Sequence[Reader], key: str, prefix: str) -> list[Expr]:
        """Write a line that splits a value into a part for each gate, and return the parts."""
        keys = [(f"{key} {m.name}", f"{prefix}_{m.name}") for m in members]
        widths = [member.width for member in members]
        text = self.env[whole.name]
        places: list[str] = []
        if len(set(widths)) == 1:
            value = self.framework.chunk.format(z=text, count=len(widths))
        else:
            if self.framework.cuts_at_ends:
                places = [self.size(sum(widths[: k + 1])) for k in range(len(widths) - 1)]
            else:
                places = [self.size(width) for width in widths]
            value = self.framework.cut.format(z=text, sizes=", ".join(places))
        if len(value) > _LONGEST_CUT:
            name = self.local.new("ends" if self.framework.cuts_at_ends else "sizes")
            self.lines += [f"{name} = [", *(f"    {place}," for place in places), "]"]
            value = value.replace(f"[{', '.join(places)}]", name)
        self.unpack(keys, value)
        return [Name(name) for name, _ in keys]

    # --- layer normalisation ------------------------------------------------

    def _normal_sum(self, reader: Reader, group: tuple[str, ...], epsilon: float) -> Expr:
        members = [self._readers[name] for name in group]
        if len(members) == 1:
            return normal(_needed(total(self._parts(reader))), epsilon)
        key = ("sum", *group, repr(epsilon))
        if key not in self._normed:
            whole: Expr | None = self._shared(members)
            if whole is None:
                whole = _joined([_needed(total(self._parts(m))) for m in members])
            self._normed[key] = self._normalised(key, whole, members, epsilon)
        return self._normed[key][reader.name]

    def _normal_read(
        self, reader: Reader, read: BuiltRead, group: tuple[str, ...], epsilon: float
    ) -> Expr:
        sharing = [
            (self._readers[name], other)
            for name in group
            for other in self._readers[name].reads
            if other.text == read.text
        ]
        if len(sharing) == 1:
            return normal(self._linear(reader, read), epsilon)
        key = (read.text, *group, repr(epsilon))
        if key not in self._normed:
            members = [member for member, _ in sharing]
            product = self._product(reader, read)
            if product is not None and product.readers == members and len(product.reads) == 1:
                whole: Expr = self._whole_product(product)
            else:
                whole = _joined([self._linear(member, other) for member, other in sharing])
            self._normed[key] = self._normalised(key, whole, members, epsilon)
        return self._normed[key][reader.name]

    def _shared(self, members: Sequence[Reader]) -> Name | None:
        """Write the product that is all reads of exactly these gates; return its name, or None."""
        for product in self.layout.products:
            count = len(product.reads)
            same = product.readers == list(members) and product.bias is None
            if same and all(len(m.reads) == count and all(map(plain, m.reads)) for m in members):
                return self._whole_product(product)
        return None

    def _normalised(
        self, key: tuple[str, ...], whole: Expr, members: Sequence[Reader], epsilon: float
    ) -> dict[str, Expr]:
        text = f"z norm {' '.join(key)}"
        name = self.assign(text, normal(whole, epsilon), "normed")
        parts = self._cut(name, members, text, "normed")
        return {member.name: part for member, part in zip(members, parts, strict=True)}


def _without_zeros(expr: Expr) -> Expr:
    """Return the expression without the zeros that come from options that are off."""
    zero = Number(0)
    if isinstance(expr, Binary):
        if expr.op == "*" and zero in (expr.left, expr.right):
            return zero
        if expr.op in ("+", "-") and expr.right == zero:
            return expr.left
    return expr


def normal(expr: Expr, epsilon: float) -> Expr:
    return Call("layer_norm", (expr, Number(epsilon)))


def _joined(parts: Sequence[Expr]) -> Expr:
    return Call("concat", tuple(parts))


def _needed(expr: Expr | None) -> Expr:
    assert expr is not None
    return expr
