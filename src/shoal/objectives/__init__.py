"""What a training minimises, and how its predictions are scored.

May import: `shoal.errors`, `shoal.numerics`.

Start reading with `losses`: one entry is one loss, and the registry below them lists all. `metrics`
has the scores that every table has. `definition` is what users write for tables; `built_in` and
`scorers` are objectives of that form that come with Shoal and with scikit-learn, and `lookup` finds
them by name.
"""
