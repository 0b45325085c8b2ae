"""Update rules: how a swarm moves, one file a rule.

May import numerics. It lies below genome, since a genome asks its rule which genes are read, how
many particles an iteration evaluates and whether the swarm is stable.

Start with `base.UpdateRule`, then informed.py. A new rule is a file here and a line in
`UPDATE_RULES`; the CPU engine needs a kernel for its number (shoal.pso.engines).
"""

from __future__ import annotations

from shoal.update_rules.base import EvaluatedSwarm, Motion, UpdateRule
from shoal.update_rules.competitive import COMPETITIVE
from shoal.update_rules.informed import INFORMED

# By the value of the gene ``update_rule``. A search draws from them in this order.
UPDATE_RULES: dict[str, UpdateRule] = {rule.name: rule for rule in (INFORMED, COMPETITIVE)}


def unread_genes(rule: str) -> tuple[str, ...]:
    """List the genes that other rules read, and this one does not.

    Parameters
    ----------
    rule
        A key of `UPDATE_RULES`.

    Returns
    -------
    tuple of str
        Names of genes. Those that no rule calls its own are read by all.

    Examples
    --------
    >>> unread_genes("informed")
    ()
    >>> unread_genes("competitive")[:2]
    ('num_informants', 'cognitive_weight')
    """
    own = UPDATE_RULES[rule].own_genes

    unread: list[str] = []
    for other in UPDATE_RULES.values():
        for gene in other.own_genes:
            if gene not in own and gene not in unread:
                unread.append(gene)
    return tuple(unread)


__all__ = ["UPDATE_RULES", "EvaluatedSwarm", "Motion", "UpdateRule", "unread_genes"]
