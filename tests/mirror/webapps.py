"""Operate and Tasklist 8.6 in a browser: what a person sees of a case there, and what a reviewer does with its task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

SECONDS: Final = 60.0
"""How long Camunda's importers and pages may take to show what was done."""
LOADED: Final = 10.0
"""How long a page may take that has all that it shows."""
ACTIVE, INCIDENTS = "active", "incidents"


@dataclass(frozen=True)
class _App:
    """One of the two. ``url``: base of both, as in ``http://127.0.0.1:18089``."""

    browser: Chrome
    url: str

    name = ""

    def sign_in(self, user: str = "demo", password: str = "demo") -> None:
        """Every Camunda of this stack knows the user ``demo``. Fonts and the like from elsewhere are not asked for."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["https://*"]})
        self.browser.get(f"{self.url}/{self.name}/login")
        self.find("input[name=username]").send_keys(user)
        self.find("input[name=password]").send_keys(password, Keys.ENTER)
        self._wait(lambda: not self.browser.current_url.endswith("/login"))

    def find(self, css: str, seconds: float = SECONDS) -> WebElement:
        """The first element, once it is there and seen."""

        def seen() -> WebElement | None:
            return next(
                (each for each in self.browser.find_elements(By.CSS_SELECTOR, css) if each.is_displayed()), None
            )

        found: WebElement = self._wait(seen, seconds)
        return found

    def press(self, label: str) -> None:
        """The button that says exactly ``label``."""

        def pressable() -> WebElement | None:
            buttons = self.browser.find_elements(By.TAG_NAME, "button")
            return next((each for each in buttons if each.text == label and each.is_enabled()), None)

        self._wait(pressable).click()

    def picture(self, path: Path, width: int = 1500, height: int = 1100) -> None:
        """A screenshot of the page as it is at that size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.fit()
        self.browser.save_screenshot(str(path))
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def fit(self) -> None:
        """Use the size of the window, where the page doesn't do so by itself."""

    def _wait(self, true: Any, seconds: float = SECONDS) -> Any:
        waiting = WebDriverWait(self.browser, seconds, ignored_exceptions=[StaleElementReferenceException])
        return waiting.until(lambda _: true())


class Operate(_App):
    """The page of one process instance."""

    name = "operate"

    def open(self, instance: int) -> None:
        """Open the instance, which its importer may not know yet, and return when its diagram is drawn."""

        def drawn() -> bool:
            self.browser.get(f"{self.url}/operate/processes/{instance}")
            try:
                return bool(self.find("[data-testid=diagram] .djs-element", LOADED))
            except TimeoutException:
                return False

        self._wait(drawn)

    def marked(self, state: str = ACTIVE) -> set[str]:
        """Ids of the elements that the diagram marks as ``active`` or as having ``incidents``."""
        script = """
            return [...document.querySelectorAll('.djs-overlays')]
                .filter(one => one.querySelector(`[data-testid="state-overlay-${arguments[0]}"]`))
                .map(one => one.dataset.containerId)
        """
        return set(self.browser.execute_script(script, state))

    def fit(self) -> None:
        """Draw the whole diagram, as large as there is room for; its marks are hidden while the size changes."""
        self.find("button[aria-label='Reset diagram zoom']").click()
        self.find("[data-testid^=state-overlay]")

    def await_marked(self, element: str, state: str = ACTIVE) -> None:
        """Return when the diagram, which refreshes itself, marks ``element``."""
        self._wait(lambda: element in self.marked(state))


class Tasklist(_App):
    """The page of one user task."""

    name = "tasklist"

    def open(self, task: int) -> None:
        """Open the task, which its importer may not know yet."""

        def shown() -> bool:
            self.browser.get(f"{self.url}/tasklist/{task}")
            try:
                return bool(self.find("[data-testid=details-info]", LOADED))
            except TimeoutException:
                return False

        self._wait(shown)

    def assign(self) -> None:
        """Take the task."""
        self.press("Assign to me")
        self._wait(lambda: "Assigned to me" in self.find("[data-testid=assignee]").text)

    @property
    def text(self) -> str:
        """What the form says."""
        return str(self.find(".fjs-form").text)

    def choose(self, field: str, label: str) -> None:
        """An option of the select whose id in the form is ``field``."""

        def chosen() -> bool:
            options = self.browser.find_elements(By.CSS_SELECTOR, ".fjs-dropdownlist-item")
            option = next((each for each in options if each.text == label), None)
            if option is None:  # not opened yet, or closed again by a form that was drawn anew
                self.find(f".fjs-form [id$='-{field}-display']").click()
                return False
            option.click()
            return True

        self._wait(chosen)

    def write(self, field: str, text: str) -> None:
        """Type into the field with that id; of a date: ``Start-date``, month, day and year."""
        self.find(f".fjs-form [id$='-{field}']").send_keys(text, Keys.TAB)

    def complete(self) -> None:
        """Complete the task with what the form holds; Tasklist then shows that it was."""
        self.press("Complete Task")
        self._wait(lambda: "Task completed" in self.find("body").text)
