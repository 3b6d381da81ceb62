"""A reviewer at the keyboard: what people do on ``/review``, by keys alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait


@dataclass(frozen=True)
class Reviewer:
    """Drives ``browser`` on the app at ``url``."""

    browser: Chrome
    url: str

    def sign_in(self, who: str) -> None:
        """Go to the queue; the app sends to the sign-in page and back."""
        self.browser.get(f"{self.url}/review")
        self.find(f"input[value='{who}']").send_keys(Keys.SPACE)
        self.press("button")

    def open(self, review: str) -> None:
        """Find the review in the queue, page by page, and open it."""
        while not (links := self.browser.find_elements(By.CSS_SELECTOR, f"a[href='/review/{review}']")):
            self.press("a[rel=next]")
        self._leave(links[0])

    def press(self, css: str) -> None:
        """Enter on a link or button that leads to another page."""
        self._leave(self.find(css))

    def expand(self, decision: str) -> None:
        """Open the form of a decision."""
        self.find(f"#{decision} > summary").send_keys(Keys.ENTER)

    def write(self, field: str, text: str) -> None:
        """Type into a field, whatever stood there."""
        element = self.find(f"#{field}")
        element.clear()
        element.send_keys(text)

    def tick(self, css: str) -> None:
        """Space on a checkbox."""
        self.find(css).send_keys(Keys.SPACE)

    def choose(self, field: str, value: str) -> None:
        """An option of a list."""
        Select(self.find(f"#{field}")).select_by_value(value)

    def find(self, css: str) -> WebElement:
        """The first element."""
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """What is readable in the first element."""
        return str(self.find(css).text)

    def size(self, width: int, height: int = 1000) -> None:
        """The size of the window, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """``light`` or ``dark``."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def picture(self, path: Path, width: int = 1280) -> None:
        """A screenshot of the whole page."""
        self.size(width)
        self.size(width, int(self.run("return document.documentElement.scrollHeight")))
        self.browser.save_screenshot(str(path))
        self.size(width)

    def run(self, script: str) -> Any:
        """Ask the page (the driver may, the page itself runs no script)."""
        return self.browser.execute_script(script)

    def _leave(self, element: WebElement) -> None:
        page = self.find("html")
        element.send_keys(Keys.ENTER)
        WebDriverWait(self.browser, 20).until(staleness_of(page))
