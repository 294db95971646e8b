"""``gatekit serve``: a local page over all studies while their runs train.

`watching` reads what is new in the folders, and `server` answers the page's requests, on this
machine only. `live.html`, `live.css` and `live.js` are the page. Start with `watching.py`.

No module here is public.
"""
