/** Answers what the editor asks between click and trace, as a user would: with the keyboard. */
import { lensTitle } from "./editor.ts";
import { hasPage, onPage, until } from "./steps.ts";
import { target } from "./target.ts";

/** Prefix of the names of this run's pictures. */
const PREFIX = process.env["PROBELENS_TEST_PICTURES"] ?? "";
let wrongTried = false;

/** Where one types an answer: the filter of a list, or a password. Never whatever has the focus, such as the editor. */
const BOX = ".quick-input-widget:visible .quick-input-box input";

export async function picture(name: string): Promise<void> {
  await onPage("screenshot", { name: `${PREFIX}${name}` });
}

/**
 * Which process, where several run the program; and an ordinary user's sudo password, the first time a wrong one before
 * the right one. Resolves when the lens says that the function is traced.
 */
export async function answerQuestions(pid = target().pid): Promise<void> {
  if (!hasPage) return;
  const password = process.env["PROBELENS_TEST_PASSWORD"];
  let picked = false;
  let answered = "";
  await until(
    "computeE is traced",
    async () => {
      const titles = (await onPage("texts", { selector: ".quick-input-widget:visible .quick-input-title" })) ?? [];
      const title = titles[0] ?? "";
      if (!picked && title.includes("in which process")) {
        picked = true;
        await picture("0-picker");
        await answer(`pid ${pid}`);
      } else if (password !== undefined && title.includes("administrator rights") && answered !== password) {
        // The box of a second question is another one: the first is gone once it was answered.
        if (answered !== "" && !(await boxIsEmpty())) return "";
        if (!wrongTried) await picture("0-password");
        answered = wrongTried ? password : "wrong";
        wrongTried = true;
        await answer(answered);
      }
      return await lensTitle();
    },
    (title) => title.startsWith("●"),
  );
}

async function answer(text: string): Promise<void> {
  await onPage("answer", { selector: BOX, text });
}

async function boxIsEmpty(): Promise<boolean> {
  return (await onPage("values", { selector: BOX }))?.every((text) => text === "") === true;
}
