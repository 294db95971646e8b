"""How the fused executor arranges a cell: shared products, what is hoisted, what segments need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..cell.expression import Expr, Name, names
from ..cell.graph import BuiltRead, Cell, Node, shared_reads

Member = tuple[Node, BuiltRead]

STREAM = "stream"
"""The key of what inputs give to the products of a step, where they enter them."""


@dataclass(frozen=True)
class Group:
    """Recurrent reads of one expression that the same kind of thing is added to.

    ``part`` is the key of the sequence of their gates' input parts, side by side; ``biased`` says
    that the gates have no input part, but each may have a bias.
    """

    key: str
    text: str
    expr: Expr
    level: int
    members: tuple[Member, ...]
    widths: Mapping[str, int]
    width: int
    part: str | None
    biased: bool


@dataclass(frozen=True)
class Product:
    """Groups that read one expression at one level: one matrix product in each step.

    ``fed`` says that the inputs, and a one for the bias, stand beside what is read.
    """

    key: str
    text: str
    expr: Expr
    level: int
    groups: tuple[Group, ...]
    width: int
    fed: bool


@dataclass(frozen=True)
class Plan:
    """The arrangement of one cell for one set of wanted signals.

    Args:
        depth: the number of recurrent products that follow one another in a step.
        nodes: the nodes of the loop by level.
        products: the matrix products of the loop.
        stream: the reads of inputs that enter these products step by step, instead of one product
            before the loop; empty where there is such a product, or nothing to read.
        groups: the groups of them all, in the products' order.
        joined: hoisted gates that are nothing but their pre-activation and read what the gates of
            all groups read: their values come out of the same product before the loop.
        hoisted: reads of inputs that share a product before the loop, by their text.
        parts: gates of the loop with an input part of their own key.
        sequences: the keys of what the loop gets per step, side by side in one tensor.
        loose: those of them whose gradient comes from the row-wise part.
        widths: the width of each sequence.
        parameters: row-wise weights whose gradient is summed in the backward loop.
        mapped: weights of other linear maps, whose gradient is formed after the loop.
        mapped_reads: the reads they belong to.
        logged: replayed values that are kept for gradients after the loop, with widths.
        logged_expressions: what they are.
        needs: the keys that each segment takes from outside.
        parameter_needs: the row-wise weights that each segment uses.
        gives: the keys that each segment makes and others use.
        prefetch: whether the backward loop reads a step's saved row one step early. Under XLA a row
            that comes with the loop is laid out in memory once, where a row that is read in place
            is cut out again inside every kernel; that pays where a pre-activation is more than one
            product (peephole 1.17x, sLSTM 1.32x), and costs a copy where it is not (LSTM 0.91x).
    """

    depth: int
    nodes: tuple[tuple[Node, ...], ...]
    products: tuple[Product, ...]
    stream: tuple[BuiltRead, ...]
    groups: tuple[Group, ...]
    joined: tuple[Node, ...]
    hoisted: Mapping[str, tuple[tuple[str, BuiltRead], ...]]
    parts: tuple[Node, ...]
    sequences: tuple[str, ...]
    loose: tuple[str, ...]
    widths: Mapping[str, int]
    parameters: tuple[str, ...]
    mapped: tuple[str, ...]
    mapped_reads: tuple[Member, ...]
    logged: Mapping[str, int]
    logged_expressions: Mapping[str, Expr]
    needs: tuple[tuple[str, ...], ...]
    parameter_needs: tuple[tuple[str, ...], ...]
    gives: tuple[tuple[str, ...], ...]
    prefetch: bool

    @property
    def together(self) -> bool:
        """Whether one product before the loop makes the input parts of all groups."""
        members = [node for group in self.groups if group.part for node, _ in group.members]
        return bool(members) and _alike(members)

    def nodes_at(self, level: int) -> tuple[Node, ...]:
        """Return the loop's nodes of a level, in order."""
        return self.nodes[level]

    def groups_at(self, level: int) -> tuple[Group, ...]:
        """Return the groups whose products are done at the end of a level."""
        return tuple(g for g in self.groups if g.level == level)

    def products_at(self, level: int) -> tuple[Product, ...]:
        """Return the products that are done at the end of a level."""
        return tuple(p for p in self.products if p.level == level)

    def attached(self, gate: str) -> Group | None:
        """Return the group in whose product a gate's input part and bias are added, or None."""
        for group in self.groups:
            if (group.part or group.biased) and any(n.name == gate for n, _ in group.members):
                return group
        return None

    def gradient_key(self, sequence: str) -> str:
        """Return the key under which the backward loop logs a sequence's gradient."""
        for group in self.groups:
            if group.part == sequence:
                return f"d:{group.key}"
        return f"d:{sequence}"


def make(cell: Cell, wanted: tuple[str, ...], stepwise: bool = False) -> Plan:
    """Return the arrangement of a cell.

    Args:
        cell: the built cell.
        wanted: the signals whose sequences are returned.
        stepwise: whether inputs enter the products of each step, where the gates allow it, instead
            of one product before the loop.
    """
    return _Planner(cell, wanted, stepwise).make()


def recurrent(node: Node) -> list[BuiltRead]:
    """Return a node's reads that depend on a state."""
    return [r for r in node.reads if not r.hoisted]


class _Planner:
    def __init__(self, cell: Cell, wanted: tuple[str, ...], stepwise: bool) -> None:
        self.cell, self.wanted, self.stepwise = cell, wanted, stepwise
        self.loop = [n for n in cell.nodes if not n.hoisted]
        self.by_name = {n.name: n for n in cell.nodes}
        self.states = [s.name for s in cell.states]
        self.constant = {*cell.constants, *cell.parameters}

    def make(self) -> Plan:
        depth = max((n.level for n in self.loop), default=0)
        products = self.make_products()
        groups = [g for p in products for g in p.groups]
        stream = self.make_stream(groups)
        if stream:
            products = [replace(p, fed=any(g.part or g.biased for g in p.groups)) for p in products]
        attached = {n.name for g in groups if g.part or g.biased for n, _ in g.members}
        members = [node for g in groups if g.part for node, _ in g.members]
        parts = [n for n in self.loop if self.has_part(n) and n.name not in attached]
        outside = self.outside_keys()
        joined = [] if stream else self.joined(members, outside)
        # Their columns follow the groups' parts, because one product makes them all.
        loose: dict[str, int] = {node.name: node.width for node in joined}
        for node in parts:
            if self.sums(node):
                loose.update(
                    {f"part:{node.name}:{r.text}": node.width for r in node.reads if r.hoisted}
                )
            else:
                loose[f"part:{node.name}"] = node.width
        for key in outside:
            loose[key] = self.cell.widths[key.removesuffix("_prev")] if key != "t" else 1
        widths = {} if stream else {g.part: g.width for g in groups if g.part}
        widths |= loose
        mapped_reads, tape_maps = self.split_maps(attached, parts)
        mapped = [n for _, read in mapped_reads for n in read.weights.values()]
        by_level = tuple(tuple(n for n in self.loop if n.level == k) for k in range(depth + 1))
        parameter_needs = tuple(
            tuple(self.parameters_of(nodes, groups_at(groups, k), tape_maps))
            for k, nodes in enumerate(by_level)
        )
        parameters = tuple(dict.fromkeys(p for level in parameter_needs for p in level))
        needs, gives = self.flows(by_level, groups, loose)
        logged = self.logged(groups, mapped_reads, loose)
        hoisted: dict[str, list[tuple[str, BuiltRead]]] = {}
        for node in self.cell.nodes:
            if (node.hoisted and node not in joined) or node in parts:
                for read in node.reads:
                    if read.hoisted and read.map.has_matrix():
                        hoisted.setdefault(read.text, []).append((node.name, read))
        return Plan(
            depth=depth,
            nodes=by_level,
            products=tuple(products),
            stream=stream,
            groups=tuple(groups),
            joined=tuple(joined),
            hoisted={text: tuple(members) for text, members in hoisted.items()},
            parts=tuple(parts),
            sequences=tuple(k for k in widths if k),
            loose=tuple(loose),
            widths={k: w for k, w in widths.items() if k},
            parameters=parameters,
            mapped=tuple(dict.fromkeys(mapped)),
            mapped_reads=tuple(mapped_reads),
            logged={key: width for key, (_, width) in logged.items()},
            logged_expressions={key: expr for key, (expr, _) in logged.items()},
            needs=needs,
            parameter_needs=parameter_needs,
            gives=gives,
            prefetch=any(n.norm is not None or len(recurrent(n)) > 1 for n in self.loop)
            or any(not r.map.has_matrix() for n in self.loop for r in recurrent(n)),
        )

    def sums(self, node: Node) -> bool:
        return node.norm is not None and node.norm.of == "sum"

    def has_part(self, node: Node) -> bool:
        """Return whether a gate gets anything from inputs or a bias."""
        reads = any(r.hoisted for r in node.reads)
        return reads or (node.bias is not None and not self.sums(node))

    def make_products(self) -> list[Product]:
        found: dict[tuple[int, str], dict[str, list[Member]]] = {}
        for node in self.loop:
            first = True
            for read in recurrent(node):
                if not read.map.has_matrix():
                    continue
                takes = first and node.norm is None and self.has_part(node)
                added = "alone"
                if takes:
                    added = "part" if any(r.hoisted for r in node.reads) else "bias"
                first = False
                product = found.setdefault((read.level, read.text), {})
                product.setdefault(added, []).append((node, read))
        products = []
        for (level, text), by_kind in found.items():
            # Those with an input part come last: their gradients lie beside those of other
            # sequences then.
            kinds = [k for k in ("alone", "bias", "part") if k in by_kind]
            groups = tuple(_group(level, text, kind, by_kind[kind]) for kind in kinds)
            width = sum(g.width for g in groups)
            expr = groups[0].expr
            products.append(Product(f"{level}:{text}", text, expr, level, groups, width, fed=False))
        return products

    def make_stream(self, groups: list[Group]) -> tuple[BuiltRead, ...]:
        """Return the reads of inputs that enter the products of each step."""
        members = [node for group in groups if group.part for node, _ in group.members]
        if not self.stepwise or not members or not _alike(members):
            return ()
        return tuple(r for r in members[0].reads if r.hoisted)

    def joined(self, members: list[Node], outside: list[str]) -> list[Node]:
        """Return the hoisted gates that the product for the groups' input parts can make, too."""
        found: list[Node] = []
        for name in outside if members and _alike(members) else ():
            node = self.by_name.get(name)
            if node is None or not node.hoisted or node.norm is not None or not node.reads:
                continue
            plain = self.cell.gate_expressions.get(name) == (Name("pre"), {})
            raw = all(
                n.removesuffix("_prev") in self.cell.inputs
                for r in node.reads
                for n in names(r.expr)
            )
            if plain and raw and _alike([*members, node]):
                found.append(node)
        return found

    def outside_keys(self) -> list[str]:
        """Return the inputs and hoisted signals that the loop reads as they are."""
        produced = {n.name for n in self.loop}
        keys: dict[str, None] = {}
        for node in self.loop:
            for key in self.row_wise_names(node):
                if key not in produced and self.is_sequence(key):
                    keys[key] = None
        for name in self.wanted:
            if name not in produced and name not in self.states:
                keys[name] = None
        return list(keys)

    def is_sequence(self, key: str) -> bool:
        if key in self.constant or key.startswith("pre:"):
            return False
        stem = key.removesuffix("_prev")
        if key.endswith("_prev"):
            return stem in self.cell.inputs
        return "." not in key

    def row_wise_names(self, node: Node) -> list[str]:
        """Return the names that a loop node reads, row by row and in its recurrent reads."""
        if node.kind == "equation":
            assert node.expr is not None
            return list(names(node.expr))
        if node.kind == "norm":
            return [node.source]
        reads = [r for _, r in shared_reads(self.by_name, node) if not r.hoisted]
        return [key for _, key in node.arguments] + [n for r in reads for n in names(r.expr)]

    def split_maps(
        self, attached: set[str], parts: list[Node]
    ) -> tuple[list[Member], list[Member]]:
        """Return the reads with other maps whose weight gradients form after the loop, or in it."""
        later: list[Member] = []
        inside: list[Member] = []
        for node in self.loop:
            known = node.norm is None and (node.name in attached or node in parts)
            for read in recurrent(node):
                if not read.map.has_matrix() and read.weights:
                    # Measured: a diagonal is summed fastest in the loop, with the row-wise part.
                    after = known and not read.map.row_wise
                    (later if after else inside).append((node, read))
        return later, inside

    def parameters_of(
        self, nodes: tuple[Node, ...], groups: list[Group], tape_maps: list[Member]
    ) -> list[str]:
        found: dict[str, None] = {}
        for node in nodes:
            if node.kind == "norm":
                found.update({node.scale: None, node.offset: None})
                continue
            for key in self.row_wise_names(node):
                if key in self.cell.parameters:
                    found[key] = None
            if node.norm is not None and node.norm.of == "read":
                found.update({str(r.scale): None for r in recurrent(node)})
            if self.sums(node):
                found[str(node.norm_scale)] = None
                if node.bias is not None:
                    found[node.bias] = None
            for owner, read in tape_maps:
                group = node.norm.group if node.norm else (node.name,)
                if owner.name in group:
                    found.update(dict.fromkeys(read.weights.values()))
        for product in groups:
            found.update({n: None for n in names(product.expr) if n in self.cell.parameters})
        return list(found)

    def flows(
        self, by_level: tuple[tuple[Node, ...], ...], groups: list[Group], loose: Mapping[str, int]
    ) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
        """Return what each segment takes from outside and what it must hand on."""
        home = {n.name: k for k, nodes in enumerate(by_level) for n in nodes}
        for nodes in by_level:
            for node in nodes:
                home.update({key: home[node.name] for _, key in node.own_states})
        z_home = {
            f"z:{node.name}:{read.text}": g.level + 1 for g in groups for node, read in g.members
        }
        needs, gives = [], [dict[str, None]() for _ in by_level]
        for level, nodes in enumerate(by_level):
            taken: dict[str, None] = {}
            for node in nodes:
                taken.update(dict.fromkeys(self.row_wise_names(node)))
                keys = [f"part:{node.name}"]
                for owner, read in shared_reads(self.by_name, node):
                    keys.append(f"part:{owner.name}:{read.text}")
                    if not read.hoisted:
                        taken[f"z:{owner.name}:{read.text}"] = None
                taken.update({k: None for k in keys if k in loose})
            for group in groups_at(groups, level):
                taken.update(dict.fromkeys(names(group.expr)))
                if isinstance(group.expr, Name) and home.get(group.expr.name) == level:
                    gives[level][group.expr.name] = None
            kept = []
            for key in taken:
                if key in self.constant or key.startswith("pre:"):
                    continue
                source = z_home.get(key, home.get(key))
                if key.startswith("z:") and source is None:
                    continue
                if source is not None:
                    if source == level:
                        continue
                    gives[source][key] = None
                kept.append(key)
            needs.append(tuple(kept))
        for key in (*self.states, *self.wanted):
            if key in home:
                gives[home[key]][key] = None
        return tuple(needs), tuple(tuple(g) for g in gives)

    def logged(
        self, groups: list[Group], mapped_reads: list[Member], loose: Mapping[str, int]
    ) -> dict[str, tuple[Expr, int]]:
        found: dict[str, tuple[Expr, int]] = {}
        reads = [r for g in groups for _, r in g.members] + [r for _, r in mapped_reads]
        for read in reads:
            name = read.expr.name if isinstance(read.expr, Name) else ""
            if name.endswith("_prev") and name[:-5] in self.states:
                continue
            if name in loose:
                continue
            found[f"log:{read.text}"] = (read.expr, read.width_in)
        return found


def _group(level: int, text: str, kind: str, members: list[Member]) -> Group:
    key = f"a:{level}:{text}:{kind}"
    widths = {node.name: read.width_out for node, read in members}
    return Group(
        key=key,
        text=text,
        expr=members[0][1].expr,
        level=level,
        members=tuple(members),
        widths=widths,
        width=sum(widths.values()),
        part=f"part:{key}" if kind == "part" else None,
        biased=kind == "bias",
    )


def _alike(gates: list[Node]) -> bool:
    """Return whether all gates read the same raw inputs, each through a matrix."""
    reads = [[r for r in gate.reads if r.hoisted] for gate in gates]
    texts = {tuple(r.text for r in own) for own in reads}
    return len(texts) == 1 and texts != {()} and all(r.map.has_matrix() for o in reads for r in o)


def groups_at(groups: list[Group], level: int) -> list[Group]:
    """Return the groups of a level."""
    return [g for g in groups if g.level == level]
