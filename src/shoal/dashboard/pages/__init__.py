"""The pages: one module each, whose function ``page`` draws it. `routing` lists them.

A page may import anything of `dashboard/` but another page. Start with `runs`, the front page, or
`live`, the one that people watch.
"""
