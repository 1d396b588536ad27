// Runs inside the workbench page: finds lines, lenses and decorations where the user sees them.
window.probelensTest = {
  /** Box of the first visible line that contains the text. */
  line(text) {
    const line = lines(text)[0];
    return line === undefined ? null : boxOf(line);
  },
  lenses() {
    return [...document.querySelectorAll(".codelens-decoration a")].map((el) => ({ box: boxOf(el), text: plain(el) }));
  },
  /** Texts that decorations add after code (CSS content of `::after`). */
  decorations(text) {
    const spans = lines(text).flatMap((line) => [...line.querySelectorAll("span")]);
    const contents = spans.map((span) => getComputedStyle(span, "::after").content);
    const real = contents.filter((content) => !["none", "normal", '""'].includes(content));
    return [...new Set(real)].map((content) =>
      content.replace(/^"|"$/g, "").replaceAll('\\"', '"').replaceAll("\u00a0", " "),
    );
  },
  /** Box of a word in a visible line. */
  word(text, word) {
    const spans = lines(text).flatMap((line) => [...line.querySelectorAll("span span")]);
    const span = spans.find((el) => el.children.length === 0 && plain(el).includes(word));
    if (span === undefined) return null;
    const range = document.createRange();
    const at = plain(span).indexOf(word);
    range.setStart(span.firstChild, at);
    range.setEnd(span.firstChild, at + word.length);
    return boxOf(range);
  },
};

function lines(text) {
  return [...document.querySelectorAll(".view-line")].filter((el) => plain(el).includes(text));
}

function plain(el) {
  return (el.textContent ?? "").replaceAll("\u00a0", " ");
}

function boxOf(thing) {
  const { x, y, width, height } = thing.getBoundingClientRect();
  return { x, y, width, height };
}
