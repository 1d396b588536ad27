/** Looks at and acts on the workbench page, as a user would: by what is seen, with mouse and keyboard. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { Operations } from "./control.ts";

const SCREENSHOTS = fileURLToPath(new URL("screenshots", import.meta.url));
/** With PROBELENS_TEST_MEDIA=1 the pictures of README and walkthrough are taken anew. */
const PICTURES =
  process.env["PROBELENS_TEST_MEDIA"] === "1" ? fileURLToPath(new URL("../../media", import.meta.url)) : SCREENSHOTS;
/** Pixels of the line numbers beside the code. */
const LINE_NUMBERS = 64;
const ACTION_TIMEOUT_MS = 10_000;

type PageOperations = {
  [O in Exclude<keyof Operations, "memory" | "processes" | "alive">]: (
    params: Operations[O]["params"],
  ) => Promise<Operations[O]["result"]>;
};

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** To be called before the page loads. */
export async function prepare(page: Page): Promise<void> {
  await page.addInitScript({ path: fileURLToPath(new URL("inPage.js", import.meta.url)) });
}

export function pageOperations(page: Page): PageOperations {
  return {
    clickLens: async ({ above }) => {
      const lens = await findLens(page, above);
      if (lens === undefined) throw new Error(`no lens above "${above}"`);
      await page.mouse.click(lens.box.x + Math.min(12, lens.box.width / 2), lens.box.y + lens.box.height / 2);
      return null;
    },
    lensText: async ({ above }) => (await findLens(page, above))?.text ?? null,
    decorations: async ({ line }) => await inPage<string[]>(page, "decorations", line),
    lineTop: async ({ line }) => (await lineBox(page, line)).y,
    hover: async ({ line, word }) => {
      const box = await wordBox(page, line, word);
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      return null;
    },
    click: async ({ selector, text }) => {
      const found = page.locator(selector);
      await (text === undefined ? found : found.filter({ hasText: text }))
        .first()
        .click({ timeout: ACTION_TIMEOUT_MS });
      return null;
    },
    texts: async ({ selector }) => await page.locator(selector).allInnerTexts(),
    values: async ({ selector }) => {
      const inputs = await page.locator(selector).all();
      return await Promise.all(inputs.map((input) => input.inputValue()));
    },
    answer: async ({ selector, text }) => {
      const box = page.locator(selector).first();
      await box.fill(text, { timeout: ACTION_TIMEOUT_MS });
      await box.press("Enter", { timeout: ACTION_TIMEOUT_MS });
      return null;
    },
    moveMouseAway: async () => {
      await page.mouse.move(2, 2);
      return null;
    },
    crop: async ({ name, line, above, width, height }) => {
      mkdirSync(PICTURES, { recursive: true });
      const text = await lineBox(page, line);
      const clip = { x: text.x - LINE_NUMBERS, y: text.y - above, width, height };
      await page.screenshot({ path: join(PICTURES, `${name}.png`), animations: "disabled", clip });
      return null;
    },
    screenshot: async ({ name }) => {
      mkdirSync(SCREENSHOTS, { recursive: true });
      // Nothing half faded in.
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled" });
      return null;
    },
  };
}

/** The lens whose row ends just above the line. */
async function findLens(page: Page, above: string): Promise<{ box: Box; text: string } | undefined> {
  const line = await lineBox(page, above);
  const lenses = await inPage<{ box: Box; text: string }[]>(page, "lenses");
  return lenses.find(({ box }) => box.width > 0 && line.y - box.y > 0 && line.y - box.y < line.height * 1.8);
}

async function lineBox(page: Page, text: string): Promise<Box> {
  const box = await inPage<Box | null>(page, "line", text);
  if (box === null) throw new Error(`no visible line contains "${text}"`);
  return box;
}

async function wordBox(page: Page, line: string, word: string): Promise<Box> {
  const box = await inPage<Box | null>(page, "word", line, word);
  if (box === null) throw new Error(`no visible line "${line}" contains "${word}"`);
  return box;
}

/** Calls a function of inPage.js. */
async function inPage<T>(page: Page, name: string, ...args: readonly string[]): Promise<T> {
  return await page.evaluate<T>(`probelensTest.${name}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`);
}
