"""Search from disk. Browsers start no workers there, so the page brings a substitute."""

from __future__ import annotations

from typing import Any

FETCHED = '<script src="https://unpkg.com/iframe-worker/shim"></script>'

STAND_IN = """<script>
// A worker that runs in a hidden frame. The theme's script looks for IFrameWorker by name.
if (location.protocol === "file:") {
  const load = (frame, url) => new Promise((done, failed) => {
    const script = frame.document.createElement("script")
    Object.assign(script, {src: url, onload: done, onerror: failed})
    frame.document.body.appendChild(script)
  })
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const element = document.createElement("iframe")
      element.hidden = true
      document.body.appendChild(element)
      const frame = element.contentWindow
      frame.importScripts = (...urls) =>
        urls.reduce((before, next) => before.then(() => load(frame, next)), Promise.resolve())
      frame.postMessage = data => this.dispatchEvent(new MessageEvent("message", {data}))
      const ready = load(frame, url)
      this.postMessage = data =>
        ready.then(() => frame.dispatchEvent(new frame.MessageEvent("message", {data})))
    }
  }
}
</script>"""


def on_post_page(output: str, **_: Any) -> str:
    """Return a page that fetches nothing from the network."""
    return output.replace(FETCHED, STAND_IN)


def on_post_template(output_content: str, **_: Any) -> str:
    """Return the page for wrong addresses, which also fetches nothing."""
    return output_content.replace(FETCHED, STAND_IN)
