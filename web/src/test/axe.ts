import axe from "axe-core";
import { expect } from "vitest";

/**
 * Fails with the rule and the element for every accessibility violation in `element`.
 * Colours are measured in the browser tests: jsdom paints nothing.
 */
export async function expectAccessible(element: Element): Promise<void> {
  const { violations } = await axe.run(element, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`)).toEqual([]);
}
