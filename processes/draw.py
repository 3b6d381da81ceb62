"""Pictures of the models: bpmn-js in headless Chromium, as Operate and the Modeler draw them."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any, Final

from selenium import webdriver

from processes import CACHE
from processes.lint import packages
from processes.picture import marked

MARGIN: Final = 40
_ARGUMENTS: Final = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
_PAGE: Final = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="{js}/assets/diagram-js.css"><link rel="stylesheet" href="{js}/assets/bpmn-js.css">
<link rel="stylesheet" href="{js}/assets/bpmn-font/css/bpmn-embedded.css">
<style>body {{ margin: 20px }} #model {{ height: calc(100vh - 40px) }}
#model .djs-container, #model svg {{ overflow: visible !important }}</style><div id="model"></div>
<script src="{js}/bpmn-viewer.production.min.js"></script>
<script>
window.show = async (xml) => {{
  const viewer = new BpmnJS({{ container: "#model" }});
  const {{ warnings }} = await viewer.importXML(xml);
  const canvas = viewer.get("canvas");
  const box = canvas.viewbox().inner;
  canvas.zoom("fit-viewport");
  return {{ warnings: warnings.map(String), width: box.width, height: box.height }};
}};
</script>"""
_SHOW: Final = """const [xml, done] = arguments;
window.show(xml).then(done, (error) => done({warnings: [String(error)]}));"""


def draw(model: Path) -> bytes:
    """The PNG of ``model``, marked with it.

    Raises ``NodeMissing``, ``FileNotFoundError`` without Chromium and its driver, and ``ValueError`` when bpmn-js
    cannot draw something.
    """
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if binary is None or driver is None:
        raise FileNotFoundError("a picture needs Chromium and its driver (Debian: chromium chromium-driver)")
    page = CACHE / "page.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(_PAGE.format(js=(packages() / "node_modules" / "bpmn-js" / "dist").as_uri()))
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (*_ARGUMENTS, "--allow-file-access-from-files"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        return marked(_picture(browser, page.as_uri(), model.read_text()), model)
    finally:
        browser.quit()


def _picture(browser: webdriver.Chrome, page: str, xml: str) -> bytes:
    size = _shown(browser, page, xml)
    metrics = {side: int(size[side]) + MARGIN for side in ("width", "height")}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "deviceScaleFactor": 1, "mobile": False})
    _shown(browser, page, xml)  # again, fitted to its own size
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])


def _shown(browser: webdriver.Chrome, page: str, xml: str) -> dict[str, Any]:
    browser.get(page)
    shown: dict[str, Any] = browser.execute_async_script(_SHOW, xml)
    if shown["warnings"]:
        raise ValueError(f"bpmn-js: {shown['warnings'][0]}")
    return shown
