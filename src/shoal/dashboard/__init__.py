"""The page: what a browser shows of runs, and the commands that it sends.

`pages` has one module a page, `charts` the figures' data and drawing, `components` the parts that
pages share, `session` what belongs to one visitor, `server` the process. May import everything but
`cli/`. Start with `routing`, which lists the pages.
"""
