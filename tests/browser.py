"""A browser for tests: headless Chromium, spoken to in its DevTools protocol over a pipe."""

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"
# What reaches out of the window, unless something around it scrolls by itself.
WIDER = """
[...document.body.querySelectorAll('*')].filter(element => {
  if (element.getBoundingClientRect().right <= innerWidth + 1) return false
  for (let around = element.parentElement; around; around = around.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(around).overflowX)) return false
  return true
}).map(element => element.tagName + ' ' + element.className + ' ' + element.textContent.slice(0, 40))
"""


class Browser:
    """One Chromium for many pages. Commands go down one pipe and come back up another, divided by NUL."""

    def __init__(self, home: Path) -> None:
        down, self.down = os.pipe()
        self.up, up = os.pipe()

        def as_three_and_four() -> None:
            # Both are copied out of the way first: one of them may already be 3 or 4.
            reading, writing = os.dup(down), os.dup(up)
            spare = [os.dup(reading), os.dup(writing)]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        command = [str(CHROMIUM), *FLAGS.split(), f"--user-data-dir={home}", "about:blank"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, preexec_fn=as_three_and_four, close_fds=False, **quiet)
        os.close(down)
        os.close(up)
        self.number, self.rest, self.events = 0, b"", list[dict]()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict:
        """A command's result. Raises `RuntimeError` where Chromium refuses it or is gone."""
        self.number += 1
        session = {"sessionId": self.session} if hasattr(self, "session") else {}
        message = {"id": self.number, "method": method, "params": parameters, **session}
        os.write(self.down, json.dumps(message).encode() + b"\0")
        while (found := self._read()).get("id") != self.number:
            self.events.append(found)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        result: dict = found["result"]
        return result

    def _read(self) -> dict:
        while b"\0" not in self.rest:
            part = os.read(self.up, 1 << 16)
            if not part:
                raise RuntimeError("Chromium is gone.")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        found: dict = json.loads(message)
        return found

    def open(self, page: Path, width: int, height: int = 900) -> None:
        """Load a page into a window of this size, in CSS pixels, and wait until it has loaded."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.events.clear()
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def complaints(self, page: Path) -> list[str]:
        """What is wrong with the page that is open: errors, requests other than the page itself, things too wide."""
        found = [f"wider than the window: {wide}" for wide in self.ask(WIDER)]
        if self.ask("document.scrollingElement.scrollWidth > innerWidth"):
            found.append("the page scrolls sideways")
        for event in self.events:
            method, said = event.get("method"), event.get("params", {})
            if method in ("Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(f"{method}: {json.dumps(said)[:200]}")
            elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
                found.append(f"console {said['type']}: {json.dumps(said['args'])[:200]}")
            elif method == "Network.requestWillBeSent" and said["request"]["url"] != page.resolve().as_uri():
                found.append(f"request: {said['request']['url'][:200]}")
        return found

    def picture(self, path: Path, height: int | None = None) -> None:
        """The page as a PNG: whole, or so many CSS pixels of it from the top."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        found = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def sheets(self) -> int:
        """On how many sheets of A4 the page that is open prints."""
        printed = base64.b64decode(self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
        return len(re.findall(rb"/Type\s*/Page\b", printed))

    def press(self, key: str, code: int) -> None:
        """Press and release a key, by its name and its virtual key code (Tab, 9)."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        os.close(self.down)
        os.close(self.up)


if __name__ == "__main__":  # python -m tests.browser REPORT.html PICTURE.png WIDTH [HEIGHT]: the pictures of the docs
    import sys
    import tempfile

    report, picture, width, *height = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(Path(home))
        browser.open(Path(report), int(width))
        browser.picture(Path(picture), int(height[0]) if height else None)
        browser.close()
