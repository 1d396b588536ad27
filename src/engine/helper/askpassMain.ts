/** What sudo runs to get a password (see askpass.ts): passes the prompt to the socket and prints the answer. */
import "../../protocol/promptExit.ts";
import { connect } from "node:net";

const [socketPath, prompt] = process.argv.slice(2);
if (socketPath === undefined) {
  console.error("probelens askpass: it is run by sudo, which Probelens starts");
  process.exit(2);
}
const socket = connect(socketPath);
let answered = false;
socket.on("connect", () => socket.write(`${(prompt ?? "").replaceAll("\n", " ")}\n`));
socket.on("data", (chunk) => {
  answered = true;
  process.stdout.write(chunk);
});
socket.on("error", (error) => {
  console.error(`probelens askpass: ${error.message}`);
  process.exitCode = 1;
});
// Without an answer the box was dismissed: a failing askpass program makes sudo give up.
socket.on("close", () => {
  if (!answered) process.exitCode = 1;
});
