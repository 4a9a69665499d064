"""A real browser for tests: opens pages without a window, measures them, and hands over what its console says.

Pages forbid scripts, so a page is measured from outside: a wrapper that only tests write shows it in a frame of the
width asked for. Where there is no Chromium the test is skipped; with ``AIOPS_REQUIRE_SERVERS=1`` it fails.
"""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

MEASURE = """
const frame = document.getElementById('page');
frame.addEventListener('load', () => {
  const page = frame.contentDocument, root = page.documentElement, wide = [];
  for (const e of page.body.querySelectorAll('*')) {
    if (e.closest('svg') && e.tagName !== 'svg') continue;
    if (e.parentElement.closest('.scroll, .defs, .skip') || e.matches('.skip, .defs')) continue;
    if (e.getBoundingClientRect().right > root.clientWidth + 1) wide.push(e.tagName + '.' + e.getAttribute('class'));
  }
  document.getElementById('told').textContent = JSON.stringify({
    wide: wide.slice(0, 5), scroll: root.scrollWidth, client: root.clientWidth, height: root.scrollHeight,
    background: getComputedStyle(page.body).backgroundColor,
  });
});
"""


def chromium():
    """Return the browser of this machine, or skip."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no chromium on this machine; .ci/install-servers.sh installs it"
        if os.environ.get("AIOPS_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def look(page, folder, *, width):
    """Open the file ``page`` as wide as said; return its measures and what the console complained of."""
    program = chromium()
    wrapper = folder / f"wrapper-{width}.html"
    wrapper.write_text(
        f'<!DOCTYPE html><iframe id="page" style="border:0;width:{width}px;height:900px"></iframe><pre id="told"></pre>'
        f"<script>{MEASURE}frame.src = {json.dumps(page.as_uri())};</script>",
        encoding="utf-8",
    )
    command = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-extensions", "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1400,1000", "--dump-dom", wrapper.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = re.search(r'<pre id="told">(.+?)</pre>', done.stdout)
    assert told, f"the browser did not measure the page: {done.stderr[-2000:]}"
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(told.group(1))), complaints
