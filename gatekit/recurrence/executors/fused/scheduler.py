"""Arranges a cell for the fused executor: which reads share a product, what each stage needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.cell.graph import BuiltRead, Cell, Node, shared_reads
from gatekit.cell.language.expression import Expr, Name, names
from gatekit.cell.program import Linear, lower, share
from gatekit.cell.schema import OUTPUT_UNIT

from .schedule import Group, LoopSchedule, Member, Stage, StepProduct, read_alike, with_input_part


def make(cell: Cell, wanted: tuple[str, ...], weights_cached: bool = False) -> LoopSchedule:
    """Return the schedule of a cell.

    Args:
        cell: the built cell.
        wanted: the signals whose sequences are returned.
        weights_cached: whether inputs enter the products of each step, if the gates allow it,
            instead of one product before the loop.
    """
    return _Scheduler(cell, wanted, weights_cached).make()


class _Scheduler:
    def __init__(self, cell: Cell, wanted: tuple[str, ...], weights_cached: bool) -> None:
        self.program = lower(cell)
        self.cell, self.wanted, self.weights_cached = cell, wanted, weights_cached
        self.loop = [n for n in cell.nodes if not n.hoisted]
        self.by_name = {n.name: n for n in cell.nodes}
        self.states = [s.name for s in cell.states]
        self.constant = {*cell.constants, *cell.parameters}

    def make(self) -> LoopSchedule:
        products = self.make_products()
        groups = [g for p in products for g in p.groups]
        input_columns = self.input_columns(groups)
        if input_columns:
            products = [
                replace(p, takes_input=any(g.part or g.biased for g in p.groups)) for p in products
            ]
        attached = {n.name for g in groups if g.part or g.biased for n, _ in g.members}
        standalone = [n for n in self.loop if self.has_part(n) and n.name not in attached]
        outside = self.outside_keys()
        by_products = [] if input_columns else self.by_products(with_input_part(groups), outside)
        extra = self.extra_sequences(by_products, standalone, outside)
        widths = {} if input_columns else {g.part: g.width for g in groups if g.part}
        unfused_reads, tape_maps = self.split_maps(attached, standalone)
        stages = self.stages(products, tape_maps, extra)
        return LoopSchedule(
            stages=stages,
            input_columns=input_columns,
            standalone_inputs=tuple(standalone),
            by_products=tuple(by_products),
            input_products=self.input_products(by_products, standalone),
            widths=widths | extra,
            extra_sequences=tuple(extra),
            unfused_reads=tuple(unfused_reads),
            saved_operands=self.saved_operands(groups, unfused_reads, extra),
            weights_cached=self.weights_cached,
            many_summands=any(n.norm is not None or len(_recurrent(n)) > 1 for n in self.loop)
            or any(not r.map.has_matrix() for n in self.loop for r in _recurrent(n)),
        )

    def stages(
        self, products: list[StepProduct], tape_maps: list[Member], extra: Mapping[str, int]
    ) -> tuple[Stage, ...]:
        """Return the stages of a step."""
        groups = [g for p in products for g in p.groups]
        depth = max((n.stage for n in self.loop), default=0)
        nodes = [tuple(n for n in self.loop if n.stage == k) for k in range(depth + 1)]
        needs, gives = self.needs_and_gives(nodes, groups, extra)
        return tuple(
            Stage(
                arrivals=tuple(_groups_at(groups, k - 1)),
                nodes=nodes[k],
                products=tuple(p for p in products if p.stage == k),
                needs=needs[k],
                row_wise_weights=tuple(
                    self.row_wise_weights_of(nodes[k], _groups_at(groups, k), tape_maps)
                ),
                gives=gives[k],
            )
            for k in range(depth + 1)
        )

    def extra_sequences(
        self, by_products: list[Node], standalone: list[Node], outside: list[str]
    ) -> dict[str, int]:
        """Return the width of each sequence that is not the input part of a group."""
        # These columns follow the groups' input parts, because one product computes them all.
        widths: dict[str, int] = {node.name: node.width for node in by_products}
        for node in standalone:
            if self.sums(node):
                for owner, read in shared_reads(self.by_name, node):
                    if read.hoisted:
                        widths[f"part:{owner.name}:{read.text}"] = owner.width
            else:
                widths[f"part:{node.name}"] = node.width
        for key in outside:
            widths[key] = self.cell.widths[key.removesuffix("_prev")] if key != "t" else 1
        return widths

    def input_products(
        self, by_products: list[Node], standalone: list[Node]
    ) -> dict[str, tuple[Linear, ...]]:
        """Return the reads of inputs that share a product before the loop, by what they read."""
        before = [
            n for n in self.cell.nodes if (n.hoisted and n not in by_products) or n in standalone
        ]
        keys = [self.key(node, r) for node in before for r in node.reads if r.hoisted]
        products = share(self.program, [self.program.source[key] for key in keys])
        return {product.of: product.members for product in products}

    def key(self, node: Node, read: BuiltRead) -> str:
        """Return the name of a read in the program; an output unit has another name there."""
        name = f"{node.name}:{read.text}"
        return name if name in self.program.source else f"{OUTPUT_UNIT}:{read.text}"

    def sums(self, node: Node) -> bool:
        return node.norm is not None and node.norm.of == "sum"

    def has_part(self, node: Node) -> bool:
        """Return whether a gate gets anything from inputs or a bias."""
        reads = any(r.hoisted for r in node.reads)
        return reads or (node.bias is not None and not self.sums(node))

    def make_products(self) -> list[StepProduct]:
        """Return the products of a step: reads of one value, as the program shares them."""
        reads: dict[str, Member] = {}
        added: dict[str, str] = {}
        for node in self.loop:
            takes = node.norm is None and self.has_part(node)
            for read in _recurrent(node):
                if read.map.has_matrix():
                    part = "part" if any(r.hoisted for r in node.reads) else "bias"
                    key = self.key(node, read)
                    reads[key], added[key] = (node, read), part if takes else "alone"
                    takes = False
        products = []
        for product in share(self.program, [self.program.source[key] for key in reads]):
            by_kind: dict[str, list[Member]] = {}
            for op in product.members:
                by_kind.setdefault(added[op.out], []).append(reads[op.out])
            read = reads[product.members[0].out][1]
            stage, text = read.stage, read.text
            # Groups with an input part come last, so that their gradients are beside those of other
            # sequences.
            kinds = [k for k in ("alone", "bias", "part") if k in by_kind]
            groups = tuple(_group(stage, text, kind, by_kind[kind]) for kind in kinds)
            width = sum(g.width for g in groups)
            expr = groups[0].expr
            products.append(
                StepProduct(f"{stage}:{text}", text, expr, stage, groups, width, takes_input=False)
            )
        return products

    def input_columns(self, groups: list[Group]) -> tuple[BuiltRead, ...]:
        """Return the reads of inputs that enter the products of each step."""
        gates = with_input_part(groups)
        if not self.weights_cached or not gates or not read_alike(gates):
            return ()
        return tuple(r for r in gates[0].reads if r.hoisted)

    def by_products(self, gates: list[Node], outside: list[str]) -> list[Node]:
        """Return the hoisted gates that the product for the input parts can compute, too."""
        nodes: list[Node] = []
        for name in outside if gates and read_alike(gates) else ():
            node = self.by_name.get(name)
            if node is None or not node.hoisted or node.norm is not None or not node.reads:
                continue
            plain = self.cell.gate_expressions.get(name) == (Name("pre"), {})
            raw = all(
                n.removesuffix("_prev") in self.cell.inputs
                for r in node.reads
                for n in names(r.expr)
            )
            if plain and raw and read_alike([*gates, node]):
                nodes.append(node)
        return nodes

    def outside_keys(self) -> list[str]:
        """Return the inputs and hoisted signals that the loop reads directly or returns."""
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
        # A key with a dot is a projection, or belongs to a gate: a state or a parameter.
        return key in self.by_name or "." not in key

    def row_wise_names(self, node: Node) -> list[str]:
        """Return the names that a loop node reads, row by row and in its recurrent reads."""
        reads = [r for _, r in shared_reads(self.by_name, node) if not r.hoisted]
        return [*node.operands, *(n for r in reads for n in names(r.expr))]

    def split_maps(
        self, attached: set[str], standalone: list[Node]
    ) -> tuple[list[Member], list[Member]]:
        """Return the reads by maps without a matrix: those whose weight gradients are computed
        after the loop, and those whose weight gradients the loop computes."""
        later: list[Member] = []
        inside: list[Member] = []
        for node in self.loop:
            known = node.norm is None and (node.name in attached or node in standalone)
            for read in _recurrent(node):
                if not read.map.has_matrix() and read.weights:
                    # Measured: a diagonal map's gradient is fastest if it is summed in the loop.
                    after = known and not read.map.row_wise
                    (later if after else inside).append((node, read))
        return later, inside

    def row_wise_weights_of(
        self, nodes: tuple[Node, ...], groups: list[Group], tape_maps: list[Member]
    ) -> list[str]:
        weights: dict[str, None] = {}
        for node in nodes:
            weights.update({name: None for name in (node.scale, node.offset) if name})
            for key in self.row_wise_names(node):
                if key in self.cell.parameters:
                    weights[key] = None
            if node.norm is not None and node.norm.of == "read":
                weights.update({str(r.scale): None for r in _recurrent(node)})
            if self.sums(node):
                weights[str(node.norm_scale)] = None
                if node.bias is not None:
                    weights[node.bias] = None
            for owner, read in tape_maps:
                group = node.norm.group if node.norm else (node.name,)
                if owner.name in group:
                    weights.update(dict.fromkeys(read.weights.values()))
        for product in groups:
            weights.update({n: None for n in names(product.expr) if n in self.cell.parameters})
        return list(weights)

    def needs_and_gives(
        self, by_stage: list[tuple[Node, ...]], groups: list[Group], extra: Mapping[str, int]
    ) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
        """Return the keys that each stage reads from outside, and its keys that others read."""
        home = {key: k for k, nodes in enumerate(by_stage) for n in nodes for key in n.signals}
        home |= {f"z:{n.name}:{r.text}": g.stage + 1 for g in groups for n, r in g.members}
        needs, gives = [], [dict[str, None]() for _ in by_stage]
        for stage, nodes in enumerate(by_stage):
            taken: dict[str, None] = {}
            for node in nodes:
                taken.update(dict.fromkeys(self.row_wise_names(node)))
                reads = [(f"{n.name}:{r.text}", r) for n, r in shared_reads(self.by_name, node)]
                terms = (f"z:{key}" for key, read in reads if not read.hoisted)
                parts = (f"part:{key}" for key in (node.name, *(key for key, _ in reads)))
                taken.update({k: None for k in terms if k in home})
                taken.update({k: None for k in parts if k in extra})
            for group in _groups_at(groups, stage):
                taken.update(dict.fromkeys(names(group.expr)))
                if isinstance(group.expr, Name) and home.get(group.expr.name) == stage:
                    gives[stage][group.expr.name] = None
            keys = (k for k in taken if k not in self.constant and not k.startswith("pre:"))
            needs.append(tuple(key for key in keys if home.get(key) != stage))
            for key in needs[-1]:
                if key in home:
                    gives[home[key]][key] = None
        for key in (*self.states, *self.wanted):
            if key in home:
                gives[home[key]][key] = None
        return tuple(needs), tuple(tuple(g) for g in gives)

    def saved_operands(
        self, groups: list[Group], unfused_reads: list[Member], extra: Mapping[str, int]
    ) -> dict[str, tuple[Expr, int]]:
        """Return the operands that the backward loop saves, unless they are states or sequences."""
        operands: dict[str, tuple[Expr, int]] = {}
        reads = [r for g in groups for _, r in g.members] + [r for _, r in unfused_reads]
        for read in reads:
            name = read.expr.name if isinstance(read.expr, Name) else ""
            if name.endswith("_prev") and name[:-5] in self.states:
                continue
            if name in extra:
                continue
            operands[f"u:{read.text}"] = (read.expr, read.width_in)
        return operands


def _group(stage: int, text: str, kind: str, members: list[Member]) -> Group:
    key = f"a:{stage}:{text}:{kind}"
    widths = {node.name: read.width_out for node, read in members}
    return Group(
        key=key,
        text=text,
        expr=members[0][1].expr,
        stage=stage,
        members=tuple(members),
        widths=widths,
        width=sum(widths.values()),
        part=f"part:{key}" if kind == "part" else None,
        biased=kind == "bias",
    )


def _groups_at(groups: list[Group], stage: int) -> list[Group]:
    """Return the groups of a stage."""
    return [g for g in groups if g.stage == stage]


def _recurrent(node: Node) -> list[BuiltRead]:
    """Return a node's reads that depend on a state."""
    return [r for r in node.reads if not r.hoisted]
