"""Contrast of every piece of text on a page, by WCAG 2.2: https://www.w3.org/TR/WCAG22/#contrast-minimum"""

from __future__ import annotations

from typing import Final

FAINT: Final = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const numbers = color => color.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = element => {
  for (let each = element; each; each = each.parentElement) {
    const color = numbers(getComputedStyle(each).backgroundColor);
    if (color.length < 4 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const faint = [];
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.textContent.trim() || !element.checkVisibility() || element.closest(':disabled, [disabled]')) continue;
  const pair = [light(numbers(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < 4.5) faint.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
}
return [...new Set(faint)];
"""
"""Gives the elements whose text has a contrast under 4.5. Controls that are switched off are exempt."""
